// Package manifest reads and writes resources as YAML documents:
//
//	apiVersion: parley.dev/v1
//	kind: Queue
//	metadata: {name: front, displayName: Front desk}
//	spec: {agents: [mila, orlin], assignment: least_active}
//
// The spec has the fields of the API's message under their JSON names. Reading
// is strict: an unknown field, one given twice, a wrong type or an unknown
// value is an error that says where it stands and what to write instead. A
// secret is given as {secretRef: {env: NAME}} or {secretRef: {file: PATH}}, and
// is never repeated in an error. The short forms {env: NAME} and {file: PATH},
// which manifests had before secretRef, stay good; {value: TEXT} is for samples.
package manifest
