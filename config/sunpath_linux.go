// This file holds the limit of a socket path on Linux.

package config

// maxSocketPath is sun_path without its final NUL, in bytes.
const maxSocketPath = 107
