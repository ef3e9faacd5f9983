//go:build !linux && !darwin

package respserver

import "net"

// peerOf knows nothing here: a relay with allow_uids or allow_gids lets nobody in.
func peerOf(net.Conn) (p peer) { return p }
