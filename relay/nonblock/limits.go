package nonblock

// The bounds of the calls.

// MaxVectors is how many slices Writev takes.
const MaxVectors = 256
