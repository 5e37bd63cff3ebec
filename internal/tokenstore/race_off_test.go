//go:build !race

package tokenstore

const withRaceDetector = false
