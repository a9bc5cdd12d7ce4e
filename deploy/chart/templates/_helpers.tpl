{{- define "kotsapp.name" -}}
{{- ternary .Release.Name (printf "%s-%s" .Release.Name .Chart.Name) (contains .Chart.Name .Release.Name) | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "kotsapp.account" -}}
{{- if .Values.serviceAccount.create }}{{ default (include "kotsapp.name" .) .Values.serviceAccount.name }}{{ else }}{{ default "default" .Values.serviceAccount.name }}{{ end }}
{{- end }}

{{- define "kotsapp.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- /* Immutable: named as the kustomization's, a release has its selector, too, so that each may be applied over the other. */}}
{{- define "kotsapp.deploymentSelector" -}}
{{- if eq .Release.Name .Chart.Name }}
{{- printf "app.kubernetes.io/name: %s" .Chart.Name }}
{{- else }}
{{- include "kotsapp.selector" . }}
{{- end }}
{{- end }}

{{- define "kotsapp.labels" -}}
{{ include "kotsapp.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- /* The rules of a ClusterRole of deploy/base/rbac.yaml: one list for both ways to install. */}}
{{- define "kotsapp.rules" -}}
{{- range $document := .root.Files.Get "files/rbac.yaml" | splitList "\n---\n" }}
{{- $object := fromYaml $document }}
{{- if and (eq $object.kind "ClusterRole") (eq $object.metadata.name $.role) }}
{{- toYaml $object.rules }}
{{- end }}
{{- end }}
{{- end }}

{{- define "kotsapp.subjects" -}}
- kind: ServiceAccount
  name: {{ include "kotsapp.account" . }}
  namespace: {{ .Release.Namespace }}
{{- end }}
