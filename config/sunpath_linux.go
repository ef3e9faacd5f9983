package config

// This file holds the limit of a socket path on Linux.

// maxSocketPath is sun_path without its final NUL, in bytes.
const maxSocketPath = 107
