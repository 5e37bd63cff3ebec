// Package docs has the documents that the program itself carries.
package docs

import _ "embed"

// OpenAPI is the contract of the user service, in YAML (OpenAPI 3.1). It is not to be changed.
//
//go:embed openapi.yaml
var OpenAPI []byte
