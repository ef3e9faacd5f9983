//go:build !race

package hub

// sequences that TestHubAtRandom goes through.
const sequences = 3000
