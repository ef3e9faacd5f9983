package respserver

// The socket as a file: clients find it by its path, the relay knows it by its
// device and inode.

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// lookInterval is how often Keep looks for the socket's file.
const checkInterval = time.Second

// ErrGone says that the socket's file is not at its path any more.
var ErrGone = errors.New("the socket's file was removed or replaced")

// Socket is the relay's Unix socket. Only the file that it has
// made itself is its own: it never removes what others put at its path.
type Socket struct {
	// Fixed after construction.
	path string
	mode fs.FileMode
	gid  int

	remade atomic.Uint64

	mu       sync.Mutex // Guards what follows.
	ln       *net.UnixListener
	file     fs.FileInfo // of the file that clients must find at path
	lock     *os.File
	failure  error // why the file could not be made anew
	closed   bool
	acceptOn func(fd int) // nil: nobody accepts
}

// Listen makes the Unix socket at path with a mode and a group (name or number;
// empty: the process's own). A socket that nobody answers on is replaced. The
// file lock path+".lock" is held until the socket is closed, so that of two
// relays that start at once one is refused; it is the kernel's, and goes with the
// process.
func Listen(path string, mode fs.FileMode, group string) (*Socket, error) {
	gid, err := groupID(group)
	if err != nil {
		return nil, fmt.Errorf("socket.group: %w", err)
	}
	s := &Socket{path: path, mode: mode, gid: gid}
	if err := s.make(); err != nil {
		return nil, err
	}
	return s, nil
}

// Addr is where the socket listens.
func (s *Socket) Addr() net.Addr { return s.listener().Addr() }

func (s *Socket) listener() *net.UnixListener {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ln
}

// Close ends the socket, removes its file, if that is still its own, and lets go of
// the lock.
func (s *Socket) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return net.ErrClosed
	}
	s.closed = true
	return errors.Join(remove(s.path, s.file), s.ln.Close(), s.lock.Close())
}

// Lost says why clients cannot connect, or nothing.
func (s *Socket) Unreachable() error {
	s.mu.Lock()
	own, failure := s.file, s.failure
	s.mu.Unlock()
	switch {
	case isAt(s.path, own):
		return nil
	case failure != nil:
		return failure
	}
	return fmt.Errorf("socket.path: %s: %w", s.path, ErrGone)
}

// Remade returns how often the file was made anew.
func (s *Socket) Remade() uint64 { return s.remade.Load() }

// Keep looks for the socket's file once a second until ctx ends, and makes it anew
// when it is gone. It calls tell with the reason when clients cannot connect any more,
// and with nil when they can again.
func (s *Socket) Maintain(ctx context.Context, tell func(lost error)) error {
	ticker := time.NewTicker(checkInterval)
	defer ticker.Stop()
	told := "" // why clients cannot connect
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		lost, reachable := s.check()
		if errors.Is(lost, net.ErrClosed) {
			return nil
		}
		if lost != nil && lost.Error() != told {
			told = lost.Error()
			tell(lost)
		}
		if reachable && told != "" {
			told = ""
			tell(nil)
		}
	}
}

// look makes the file anew if it is gone. lost is why clients could not connect,
// reachable whether they can now.
func (s *Socket) check() (lost error, reachable bool) {
	if lost = s.Unreachable(); lost == nil {
		return nil, true
	}
	if err := s.make(); err != nil {
		return err, false
	}
	return lost, true
}

// make makes the file, and takes the place of the listener whose file is gone.
func (s *Socket) make() error {
	s.mu.Lock()
	held := s.lock
	s.mu.Unlock()
	lock, err := relock(s.path, held)
	if err != nil {
		return s.failed(err)
	}
	ln, own, err := bind(s.path, s.mode, s.gid)
	if err != nil {
		if lock != held {
			err = errors.Join(err, lock.Close())
		}
		return s.failed(err)
	}
	return s.replace(ln, own, lock)
}

// failed notes why the file could not be made, for Lost.
func (s *Socket) failed(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failure = err
	return err
}

func (s *Socket) replace(ln *net.UnixListener, own fs.FileInfo, lock *os.File) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errors.Join(net.ErrClosed, remove(s.path, own), ln.Close(), lock.Close())
	}
	if s.ln != nil {
		_ = s.ln.Close() // nobody can reach it any more
		s.remade.Add(1)
	}
	if s.lock != nil && s.lock != lock {
		_ = s.lock.Close()
	}
	s.ln, s.file, s.lock, s.failure = ln, own, lock, nil
	return s.offerListener()
}

// listen has take called with a descriptor on which connections are accepted, now and each time the
// file is made anew; nil ends that. take owns the descriptor.
func (s *Socket) listen(take func(fd int)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.acceptOn = take
	return s.offerListener()
}

// offer gives a descriptor to whoever accepts. s.mu is held.
func (s *Socket) offerListener() error {
	if s.acceptOn == nil {
		return nil
	}
	raw, err := s.ln.SyscallConn()
	if err != nil {
		return err
	}
	fd, failed := -1, error(nil)
	err = raw.Control(func(own uintptr) { fd, failed = unix.FcntlInt(own, unix.F_DUPFD_CLOEXEC, 0) })
	if err = errors.Join(err, failed); err == nil {
		s.acceptOn(fd)
	}
	return err
}

// relock returns the lock that is held if its file is still there, or a new one.
func relock(path string, held *os.File) (*os.File, error) {
	if held != nil {
		if own, err := held.Stat(); err == nil && isAt(lockPath(path), own) {
			return held, nil
		}
	}
	return lockFile(path)
}

// isAt tells whether path names the very file that own is of. The number of an inode
// is not given to another file while somebody has it open, as its listener has.
func isAt(path string, own fs.FileInfo) bool {
	info, err := os.Lstat(path)
	return err == nil && os.SameFile(info, own)
}

// remove removes a file if it is still the one at path.
func remove(path string, own fs.FileInfo) error {
	if !isAt(path, own) {
		return nil
	}
	return os.Remove(path)
}
