// Package sandbox is the user service in miniature: an http.Handler that answers every call by the rules that are
// known of the real one, over a store that is kept in a folder or in memory.
//
// It shares nothing with the client of the service but the table of fields and the contract in docs/openapi.yaml,
// so that a mistake of the one does not hide a mistake of the other.
//
// From the bottom up: an engine is an ordered store of keys and values (memory.go, bolt.go); a state is the one
// model of the data over it (state.go, users.go, query.go); the calls turn requests into answers (routes.go and the
// files named calls_…); Sandbox puts them together, with the faults, the log and the control API around them.
package sandbox
