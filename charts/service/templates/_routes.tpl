{{- /* The way from outside to the gateway. Browsers and apps: HTTPRoute. Dealer systems: GRPCRoute, or, where they bring certificates
that only this process may judge, the TLS stream passed through unopened. */}}
{{- define "marque-service.routes" -}}
{{- $name := include "marque-service.fullname" . -}}
{{- if .Values.routes.enabled }}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: {{ $name }}
  labels: {{- include "marque-service.labels" . | nindent 4 }}
spec:
  parentRefs: {{- toYaml .Values.routes.parentRefs | nindent 4 }}
  {{- with .Values.routes.hostnames }}
  hostnames: {{- toYaml . | nindent 4 }}
  {{- end }}
  rules:
    - matches:
        - path: {type: PathPrefix, value: /}
      timeouts:
        request: 0s # live changes and uploads last; the door itself bounds each call
      backendRefs:
        - {name: {{ $name }}, port: {{ .Values.ports.http }}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata:
  name: {{ $name }}
  labels: {{- include "marque-service.labels" . | nindent 4 }}
spec:
  parentRefs: {{- toYaml .Values.routes.parentRefs | nindent 4 }}
  {{- with .Values.routes.hostnames }}
  hostnames: {{- toYaml . | nindent 4 }}
  {{- end }}
  rules:
    - matches:
        - method: {type: RegularExpression, service: "marque\\..*|grpc\\.reflection\\..*"}
      backendRefs:
        - {name: {{ $name }}, port: {{ .Values.ports.grpc }}}
{{- if .Values.routes.dealers.passthrough }}
---
apiVersion: gateway.networking.k8s.io/v1alpha3
kind: TLSRoute
metadata:
  name: {{ $name }}-dealers
  labels: {{- include "marque-service.labels" . | nindent 4 }}
spec:
  parentRefs: {{- toYaml .Values.routes.dealers.parentRefs | nindent 4 }}
  hostnames: {{- toYaml .Values.routes.dealers.hostnames | nindent 4 }}
  rules:
    - backendRefs:
        - {name: {{ $name }}, port: {{ .Values.ports.grpc }}}
{{- end }}
{{- if .Values.global.tls.enabled }}
---
{{- /* Both doors of the pod are encrypted: whoever ends TLS at the edge encrypts anew and checks the pod's certificate. */}}
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata:
  name: {{ $name }}
  labels: {{- include "marque-service.labels" . | nindent 4 }}
spec:
  targetRefs:
    - {group: "", kind: Service, name: {{ $name }}, sectionName: grpc}
    - {group: "", kind: Service, name: {{ $name }}, sectionName: http}
  validation:
    hostname: {{ $name }}.{{ .Release.Namespace }}.svc
    caCertificateRefs:
      - {group: "", kind: Secret, name: {{ include "marque-service.secret" (dict "root" . "what" "tls") }}}
{{- end }}
{{- end }}
{{- end }}
