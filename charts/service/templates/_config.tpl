{{- /* The settings of all processes of a service, by servicekit/settings.py. No secret stands here. */}}
{{- define "marque-service.settings" -}}
{{- $global := .Values.global -}}
MARQUE_ENVIRONMENT: production
MARQUE_GRPC_HOST: 0.0.0.0
MARQUE_GRPC_PORT: {{ .Values.ports.grpc | quote }}
MARQUE_HEALTH_HOST: 0.0.0.0
MARQUE_HEALTH_PORT: {{ .Values.ports.health | quote }}
MARQUE_PEERS: {{ include "marque-service.peers" . | quote }}
MARQUE_NATS_URL: {{ required "global.nats.url names the broker" $global.nats.url | quote }}
MARQUE_NATS_USER: {{ .Values.service }}
MARQUE_NATS_PASSWORD_FILE: /etc/marque/broker/password
MARQUE_ISSUER_URL: {{ required "global.identity.issuer names the identity provider of people" $global.identity.issuer | quote }}
MARQUE_AUDIENCE: {{ $global.identity.audience | quote }}
MARQUE_CLIENT_ID: {{ .Values.service }}
MARQUE_DRAIN_SECONDS: {{ .Values.drainSeconds | quote }}
MARQUE_REVEAL_CONTRACTS: {{ $global.revealContracts | quote }}
MARQUE_LOG_LEVEL: {{ $global.logLevel }}
MARQUE_TRACE_SAMPLE_RATIO: {{ $global.telemetry.sampleRatio | quote }}
{{- with $global.telemetry.endpoint }}
MARQUE_OTLP_ENDPOINT: {{ . | quote }}
{{- end }}
{{- if eq $global.identity.services "cluster" }}
MARQUE_SERVICE_TOKEN_FILE: /var/run/marque/identity/token
MARQUE_CLUSTER_ISSUER: {{ $global.identity.cluster.issuer | quote }}
MARQUE_CLUSTER_KEYS_URL: {{ $global.identity.cluster.keysUrl | quote }}
MARQUE_CLUSTER_KEYS_TOKEN_FILE: /var/run/marque/identity/keys-token
MARQUE_CLUSTER_CA_FILE: /var/run/marque/identity/ca.crt
MARQUE_CLUSTER_SERVICES: {{ include "marque-service.accounts" . | quote }}
{{- else }}
MARQUE_CLIENT_SECRET_FILE: /var/run/marque/identity/client-secret
{{- end }}
{{- if $global.tls.enabled }}
MARQUE_TLS_CERT_FILE: /etc/marque/tls/tls.crt
MARQUE_TLS_KEY_FILE: /etc/marque/tls/tls.key
MARQUE_TLS_CA_FILE: /etc/marque/tls/ca.crt
{{- end }}
{{- if $global.nats.caSecret }}
MARQUE_NATS_CA_FILE: /etc/marque/nats-ca/ca.crt
{{- end }}
{{- if .Values.objectsClaim }}
MARQUE_OBJECTS_FOLDER: /var/lib/marque/objects
{{- end }}
{{- if include "marque-service.owns-data" . }}
MARQUE_DATABASE_POOL_SIZE: {{ .Values.databasePoolSize | quote }}
MARQUE_SCHEMA_WAIT_SECONDS: {{ .Values.schemaWaitSeconds | quote }}
MARQUE_STREAM_REPLICAS: {{ $global.nats.streamReplicas | quote }}
MARQUE_STREAM_MAX_AGE_DAYS: {{ $global.nats.streamMaxAgeDays | quote }}
MARQUE_AUDIT_KEYS: /etc/marque/audit-keys
MARQUE_SEALING_KEYS: /etc/marque/sealing-keys
{{- if $global.database.caSecret }}
MARQUE_DATABASE_CA_FILE: /etc/marque/database-ca/ca.crt
{{- end }}
{{- else }}
MARQUE_HTTP_HOST: 0.0.0.0
MARQUE_HTTP_PORT: {{ .Values.ports.http | quote }}
{{- end }}
{{- if not (include "marque-service.owns-data" .) }}
{{- with $global.telemetry.tracesUrl }}
MARQUE_TRACES_URL: {{ . | quote }}
MARQUE_OPS_UI: /opt/marque/share/ops-ui
{{- end }}
{{- end }}
{{- range $name, $value := .Values.settings }}
MARQUE_{{ $name | upper }}: {{ ternary ($value | toJson) $value (or (kindIs "map" $value) (kindIs "slice" $value)) | quote }}
{{- end }}
{{- end }}

{{- /* Which service accounts of the cluster are which service: the subjects of their projected tokens. */}}
{{- define "marque-service.accounts" -}}
{{- $accounts := dict -}}
{{- range $name, $on := .Values.global.enabled -}}
{{- if $on -}}
{{- $_ := set $accounts (printf "system:serviceaccount:%s:%s-%s" $.Release.Namespace $.Release.Name $name) $name -}}
{{- end -}}
{{- end -}}
{{ $accounts | toJson }}
{{- end }}

{{- define "marque-service.config" -}}
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ include "marque-service.fullname" . }}
  labels: {{- include "marque-service.labels" . | nindent 4 }}
data: {{- include "marque-service.settings" . | nindent 2 }}
{{- end }}

{{- define "marque-service.account" -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ include "marque-service.fullname" . }}
  labels: {{- include "marque-service.labels" . | nindent 4 }}
automountServiceAccountToken: false
{{- end }}
