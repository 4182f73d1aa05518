{{- /* The name of everything that belongs to a service: <release>-<service>. */}}
{{- define "marque-service.fullname" -}}
{{ printf "%s-%s" .Release.Name .Values.service | trunc 52 | trimSuffix "-" }}
{{- end }}

{{- define "marque-service.selector" -}}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/name: {{ .Values.service }}
{{- end }}

{{- define "marque-service.labels" -}}
{{ include "marque-service.selector" . }}
app.kubernetes.io/part-of: marque
app.kubernetes.io/version: {{ include "marque-service.tag" . | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "marque-service.tag" -}}
{{ .Values.global.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- define "marque-service.image" -}}
{{- $image := printf "%s%s:%s" .Values.global.image.prefix .Values.service (include "marque-service.tag" .) -}}
{{ with .Values.global.image.registry }}{{ . }}/{{ end }}{{ $image }}
{{- end }}

{{- /* Secrets are made by others (or by the umbrella chart's evaluation values) and only named here. */}}
{{- define "marque-service.secret" -}}
{{ printf "%s-%s" (include "marque-service.fullname" .root) .what }}
{{- end }}

{{- /* Addresses of the services that this one calls, as gRPC resolves them: every ready pod by itself. */}}
{{- define "marque-service.peers" -}}
{{- $peers := dict -}}
{{- range .Values.calls -}}
{{- if dig . true $.Values.global.enabled -}}
{{- $_ := set $peers . (printf "dns:///%s-%s.%s.svc:%v" $.Release.Name . $.Release.Namespace $.Values.ports.peers) -}}
{{- end -}}
{{- end -}}
{{ $peers | toJson }}
{{- end }}

{{- define "marque-service.owns-data" -}}
{{- if .Values.schemaRevision }}yes{{ end -}}
{{- end }}
