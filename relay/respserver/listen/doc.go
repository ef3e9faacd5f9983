// Package listen takes the addresses on which clients connect: the Unix socket, with its file, and TCP. It accepts
// connections, and knows nothing of what is said over them.
//
// The file of the socket is made so that it never takes the place of a living relay's, and that no other users can
// connect than those who may. If others remove or replace it, [Socket.Maintain] makes it again.
//
// # Concurrency
//
// Everything may be called from any goroutine. OnSocket, OnTCP and Socket.Maintain use the file system and may block.
package listen
