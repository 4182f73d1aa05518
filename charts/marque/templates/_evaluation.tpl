{{- define "marque.labels" -}}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/name: {{ .name }}
app.kubernetes.io/part-of: marque
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
{{- end }}

{{- define "marque.selector" -}}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/name: {{ .name }}
{{- end }}

{{- /* A secret word that is made once and kept through upgrades. Begins with a letter: nats-server reads other words as numbers. */}}
{{- define "marque.word" -}}
{{- $known := lookup "v1" "Secret" .root.Release.Namespace .secret -}}
{{- if and $known (hasKey $known.data .key) -}}
{{ index $known.data .key }}
{{- else -}}
{{ printf "a%s" (randAlphaNum 39) | b64enc }}
{{- end -}}
{{- end }}

{{- /* What is made by `make` (already base64) once and kept. Takes root, secret, key, fresh. */}}
{{- define "marque.kept" -}}
{{- $known := lookup "v1" "Secret" .root.Release.Namespace .secret -}}
{{- if and $known (hasKey $known.data .key) -}}
{{ index $known.data .key }}
{{- else -}}
{{ .fresh }}
{{- end -}}
{{- end }}

{{- define "marque.secret-head" -}}
apiVersion: v1
kind: Secret
metadata:
  name: {{ .name }}
  labels: {{- include "marque.labels" (dict "root" .root "name" "evaluation") | nindent 4 }}
  annotations:
    helm.sh/resource-policy: keep
{{- end }}

{{- define "marque.restricted" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{- define "marque.claim" -}}
- metadata:
    name: data
  spec:
    accessModes: [ReadWriteOnce]
    {{- with .root.Values.evaluation.storageClassName }}
    storageClassName: {{ . }}
    {{- end }}
    resources:
      requests:
        storage: {{ .size }}
{{- end }}

{{- /* Each user may do what servicekit/messaging/accounts.py says; words come from the environment. */}}
{{- define "marque.nats-conf" }}
server_name: $POD
listen: 0.0.0.0:4222
http: 0.0.0.0:8222
max_payload: 1MB
lame_duck_grace_period: 5s
lame_duck_duration: 30s
jetstream { store_dir: /data }
authorization {
  users: [
    {{- range $user, $may := .users }}
    {{- if or (eq $user "migrate") (index $.root.Values.global.enabled $user) }}
    { user: {{ $user }}, password: $PASSWORD_{{ $user | upper }}, permissions: { publish: {{ toJson $may.publish }}, subscribe: {{ toJson $may.subscribe }} } }
    {{- end }}
    {{- end }}
  ]
}
{{- end }}
