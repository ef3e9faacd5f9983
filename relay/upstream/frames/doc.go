// Package frames finds the frames in the bytes that come from Redis: messages, other pushes and replies, however the
// bytes are split. A frame that is too large is passed over as it comes, and takes no memory.
//
// # Memory
//
// Bytes are read into chunks. A message is not copied: it is a slice of its chunk, and neighbouring messages are
// neighbours in memory, also where replies came between them.
//
// # Concurrency
//
// An Input is for one goroutine at a time.
package frames
