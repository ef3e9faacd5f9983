//go:build race

package hub

// sequences that TestHubAtRandom goes through: each takes ten times as long here.
const sequences = 300
