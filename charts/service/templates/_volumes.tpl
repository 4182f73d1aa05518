{{- define "marque-service.mounts" -}}
{{- $global := .Values.global -}}
- {name: scratch, mountPath: /tmp}
- {name: identity, mountPath: /var/run/marque/identity, readOnly: true}
- {name: broker, mountPath: /etc/marque/broker, readOnly: true}
{{- if $global.tls.enabled }}
- {name: tls, mountPath: /etc/marque/tls, readOnly: true}
{{- end }}
{{- if $global.nats.caSecret }}
- {name: nats-ca, mountPath: /etc/marque/nats-ca, readOnly: true}
{{- end }}
{{- if .Values.objectsClaim }}
- {name: objects, mountPath: /var/lib/marque/objects}
{{- end }}
{{- range .Values.secretFiles }}
- {name: {{ printf "given-%s" . }}, mountPath: {{ printf "/etc/marque/given/%s" . }}, readOnly: true}
{{- end }}
{{- if include "marque-service.owns-data" . }}
- {name: audit-keys, mountPath: /etc/marque/audit-keys, readOnly: true}
- {name: sealing-keys, mountPath: /etc/marque/sealing-keys, readOnly: true}
{{- if $global.database.caSecret }}
- {name: database-ca, mountPath: /etc/marque/database-ca, readOnly: true}
{{- end }}
{{- end }}
{{- end }}

{{- define "marque-service.volumes" -}}
{{- $root := .root -}}
{{- $global := $root.Values.global -}}
- name: scratch
  emptyDir:
    sizeLimit: {{ $root.Values.scratchSize }}
- name: broker
  secret:
    secretName: {{ .broker }}
    defaultMode: 0440
- name: identity
{{- if eq $global.identity.services "cluster" }}
  projected:
    defaultMode: 0440
    sources:
      # By which this service speaks to the others: good for us only, and for an hour.
      - serviceAccountToken:
          path: token
          audience: {{ $global.identity.audience }}
          expirationSeconds: 3600
      # By which it asks the cluster for the keys that sign such tokens.
      - serviceAccountToken:
          path: keys-token
          expirationSeconds: 3600
      - configMap:
          name: kube-root-ca.crt
          items: [{key: ca.crt, path: ca.crt}]
{{- else }}
  secret:
    secretName: {{ include "marque-service.secret" (dict "root" $root "what" "identity") }}
    defaultMode: 0440
{{- end }}
{{- if $global.tls.enabled }}
- name: tls
  secret:
    secretName: {{ include "marque-service.secret" (dict "root" $root "what" "tls") }}
    defaultMode: 0440
{{- end }}
{{- with $global.nats.caSecret }}
- name: nats-ca
  secret:
    secretName: {{ . }}
    defaultMode: 0440
{{- end }}
{{- with $root.Values.objectsClaim }}
- name: objects
  persistentVolumeClaim:
    claimName: {{ . }}
{{- end }}
{{- range $root.Values.secretFiles }}
- name: {{ printf "given-%s" . }}
  secret:
    secretName: {{ . }}
    defaultMode: 0440
{{- end }}
{{- if include "marque-service.owns-data" $root }}
{{- range list "audit-keys" "sealing-keys" }}
- name: {{ . }}
  secret:
    secretName: {{ include "marque-service.secret" (dict "root" $root "what" .) }}
    defaultMode: 0440
{{- end }}
{{- with $global.database.caSecret }}
- name: database-ca
  secret:
    secretName: {{ . }}
    defaultMode: 0440
{{- end }}
{{- end }}
{{- end }}
