{{- /* A pod of a service. Takes root, component (serve, work, migrate), broker (the secret with the broker's password). */}}
{{- define "marque-service.pod" -}}
{{- $root := .root -}}
{{- $global := $root.Values.global -}}
{{- $size := index $root.Values (ternary "work" .component (eq .component "migrate")) -}}
metadata:
  labels: {{- include "marque-service.labels" $root | nindent 4 }}
    app.kubernetes.io/component: {{ .component }}
  annotations:
    checksum/config: {{ include "marque-service.settings" $root | sha256sum }}
spec:
  serviceAccountName: {{ include "marque-service.fullname" $root }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ add $root.Values.preStopSeconds $root.Values.drainSeconds 30 }}
  {{- with $global.image.pullSecrets }}
  imagePullSecrets: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $global.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 10001
    runAsGroup: 10001
    fsGroup: 10001
    fsGroupChangePolicy: OnRootMismatch
    seccompProfile:
      type: RuntimeDefault
  {{- if eq .component "migrate" }}
  restartPolicy: OnFailure
  {{- else }}
  topologySpreadConstraints:
    {{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
    - maxSkew: 1
      topologyKey: {{ . }}
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels: {{- include "marque-service.selector" $root | nindent 10 }}
          app.kubernetes.io/component: {{ $.component }}
      matchLabelKeys: [pod-template-hash]
    {{- end }}
  {{- end }}
  containers:
    - name: {{ $root.Values.service }}
      image: {{ include "marque-service.image" $root | quote }}
      imagePullPolicy: {{ $global.image.pullPolicy }}
      args: [{{ .component }}]
      envFrom:
        - configMapRef:
            name: {{ include "marque-service.fullname" $root }}
      env: {{- include "marque-service.env" . | nindent 8 }}
      {{- if ne .component "migrate" }}
      ports:
        - name: health
          containerPort: {{ $root.Values.ports.health }}
        {{- if eq .component "serve" }}
        - name: grpc
          containerPort: {{ $root.Values.ports.grpc }}
        {{- if not (include "marque-service.owns-data" $root) }}
        - name: http
          containerPort: {{ $root.Values.ports.http }}
        {{- end }}
        {{- end }}
      {{- include "marque-service.probes" $root | nindent 6 }}
      {{- end }}
      resources: {{- toYaml $size.resources | nindent 8 }}
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities:
          drop: [ALL]
      volumeMounts: {{- include "marque-service.mounts" $root | nindent 8 }}
  volumes: {{- include "marque-service.volumes" . | nindent 4 }}
{{- end }}

{{- /* Alive: the event loop turns. Ready: the schema fits, the database answers, nothing is being drained. A pod that waits for its
schema is alive and not ready, so that installing the database and its users at the same moment stops nobody for good. */}}
{{- define "marque-service.probes" -}}
startupProbe:
  httpGet: {path: /livez, port: health}
  periodSeconds: 2
  failureThreshold: 60
livenessProbe:
  httpGet: {path: /livez, port: health}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet: {path: /readyz, port: health}
  periodSeconds: 3
  timeoutSeconds: 3
  failureThreshold: 2
lifecycle:
  preStop:
    sleep:
      seconds: {{ .Values.preStopSeconds }}
{{- end }}

{{- define "marque-service.env" -}}
{{- $root := .root -}}
- name: MARQUE_INSTANCE_ID
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
{{- if eq .component "migrate" }}
- name: MARQUE_NATS_USER
  value: migrate
{{- end }}
{{- if include "marque-service.owns-data" $root }}
- name: DATABASE_PASSWORD
  valueFrom:
    secretKeyRef:
      name: {{ include "marque-service.secret" (dict "root" $root "what" "database") }}
      key: password
- name: MARQUE_DATABASE_URL
  value: {{ include "marque-service.database-url" $root | quote }}
{{- end }}
{{- range $name, $from := $root.Values.secretSettings }}
- name: MARQUE_{{ $name | upper }}
  valueFrom:
    secretKeyRef:
      name: {{ $from.secret }}
      key: {{ $from.key }}
{{- end }}
{{- end }}

{{- /* The password is put in by the kubelet, so that no manifest holds it; it must bear being part of an address: letters and digits. */}}
{{- define "marque-service.database-url" -}}
{{- $database := .Values.global.database -}}
{{- $host := required "global.database.host names the database server" (.Values.databaseHost | default $database.host) -}}
postgresql://{{ .Values.service }}:$(DATABASE_PASSWORD)@{{ $host }}:{{ $database.port }}/{{ .Values.service }}
{{- end }}
