//go:build !linux

// This file holds the limit of a socket path on macOS and the BSDs.

package config

// maxSocketPath is sun_path without its final NUL, in bytes.
const maxSocketPath = 103
