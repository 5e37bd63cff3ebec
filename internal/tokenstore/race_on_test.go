//go:build race

package tokenstore

// withRaceDetector tells that reading memory costs many times more than it does in earnest, and
// arithmetic does not.
const withRaceDetector = true
