//go:build race

package harness

// RaceDetector tells whether the tests run under the race detector.
const RaceDetector = true
