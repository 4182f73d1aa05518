{{- /* Of a domain service headless: its callers see every pod and share their calls out themselves. */}}
{{- define "marque-service.service" -}}
apiVersion: v1
kind: Service
metadata:
  name: {{ include "marque-service.fullname" . }}
  labels: {{- include "marque-service.labels" . | nindent 4 }}
spec:
  {{- if include "marque-service.owns-data" . }}
  clusterIP: None
  {{- end }}
  selector: {{- include "marque-service.selector" . | nindent 4 }}
    app.kubernetes.io/component: serve
  ports:
    - name: grpc
      port: {{ .Values.ports.grpc }}
      targetPort: grpc
      {{- if not .Values.global.tls.enabled }}
      appProtocol: kubernetes.io/h2c
      {{- end }}
    {{- if not (include "marque-service.owns-data" .) }}
    - {name: http, port: {{ .Values.ports.http }}, targetPort: http, appProtocol: {{ ternary "https" "http" .Values.global.tls.enabled }}}
    {{- end }}
{{- end }}

{{- /* Nothing may come in but calls from the services whose code makes them, and whoever reads measures; nothing may go out but to what
the service needs. The kubelet's probes pass any policy. */}}
{{- define "marque-service.policy" -}}
{{- $policy := .Values.global.networkPolicy -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ include "marque-service.fullname" . }}
  labels: {{- include "marque-service.labels" . | nindent 4 }}
spec:
  podSelector:
    matchLabels: {{- include "marque-service.selector" . | nindent 6 }}
  policyTypes: [Ingress, Egress]
  ingress:
    {{- if .Values.callers }}
    - from:
        {{- range .Values.callers }}
        - podSelector:
            matchLabels:
              app.kubernetes.io/instance: {{ $.Release.Name }}
              app.kubernetes.io/name: {{ . }}
        {{- end }}
      ports:
        - port: {{ .Values.ports.grpc }}
    {{- end }}
    {{- if not (include "marque-service.owns-data" .) }}
    - from: {{- toYaml $policy.doors | nindent 8 }}
      ports:
        - port: {{ .Values.ports.http }}
        - port: {{ .Values.ports.grpc }}
    {{- end }}
    - from: {{- toYaml $policy.monitoring | nindent 8 }}
      ports:
        - port: {{ .Values.ports.health }}
  egress:
    - to:
        - namespaceSelector:
            matchLabels:
              kubernetes.io/metadata.name: kube-system
      ports:
        - {port: 53, protocol: UDP}
        - {port: 53, protocol: TCP}
    {{- if .Values.calls }}
    - to:
        {{- range .Values.calls }}
        - podSelector:
            matchLabels:
              app.kubernetes.io/instance: {{ $.Release.Name }}
              app.kubernetes.io/name: {{ . }}
        {{- end }}
      ports:
        - port: {{ .Values.ports.peers }}
    {{- end }}
    {{- if include "marque-service.owns-data" . }}
    - to: {{- toYaml $policy.database | nindent 8 }}
      ports:
        - port: {{ .Values.global.database.port }}
    {{- end }}
    - to: {{- toYaml $policy.broker | nindent 8 }}
      ports:
        - port: 4222
    - to: {{- toYaml $policy.issuer | nindent 8 }}
      ports: {{- toYaml $policy.issuerPorts | nindent 8 }}
    {{- if eq .Values.global.identity.services "cluster" }}
    - to: {{- toYaml $policy.apiServer | nindent 8 }}
      ports:
        - port: 443
        - port: 6443
    {{- end }}
    {{- if .Values.global.telemetry.endpoint }}
    - to: {{- toYaml $policy.collector | nindent 8 }}
      ports:
        - port: 4317
    {{- end }}
    {{- if and .Values.global.telemetry.tracesUrl (not (include "marque-service.owns-data" .)) }}
    - to: {{- toYaml $policy.traces | nindent 8 }}
      ports: {{- toYaml $policy.tracesPorts | nindent 8 }}
    {{- end }}
    {{- with .Values.egress }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end }}

{{- define "marque-service.certificate" -}}
{{- $name := include "marque-service.fullname" . -}}
apiVersion: cert-manager.io/v1
kind: Certificate
metadata:
  name: {{ $name }}
  labels: {{- include "marque-service.labels" . | nindent 4 }}
spec:
  secretName: {{ include "marque-service.secret" (dict "root" . "what" "tls") }}
  duration: 720h
  renewBefore: 240h
  privateKey:
    algorithm: ECDSA
    size: 256
    rotationPolicy: Always
  usages: [digital signature, server auth]
  dnsNames:
    - {{ $name }}
    - {{ $name }}.{{ .Release.Namespace }}
    - {{ $name }}.{{ .Release.Namespace }}.svc
    - {{ $name }}.{{ .Release.Namespace }}.svc.cluster.local
  issuerRef: {{- toYaml .Values.global.tls.issuerRef | nindent 4 }}
{{- end }}
