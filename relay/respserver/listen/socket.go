package listen

// The socket's file: clients find it by its path, the relay knows it by its device and inode.

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// checkInterval is the time between two looks of Maintain at the socket's file.
const checkInterval = time.Second

// ErrGone says that the socket's file is no longer at its path.
var ErrGone = errors.New("the socket's file was removed or replaced")

// Socket is the relay's Unix socket. It removes only the file that it has made itself, never a file that others have
// put at its path. Anybody may call its methods.
type Socket struct {
	// Fixed after construction.
	path string
	mode fs.FileMode
	gid  int

	remade atomic.Uint64

	mu       sync.Mutex // Guards what follows.
	ln       *net.UnixListener
	file     fs.FileInfo // of the socket's file, which clients must find at path
	lock     *os.File
	failure  error // why the file could not be made again
	closed   bool
	acceptOn func(fd int) // accepts connections on a descriptor; nil: nobody does
}

// OnSocket makes the Unix socket at path, with a mode and a group (a name or a number; empty: the process's own). A
// socket on which nobody answers is replaced. OnSocket fails with ErrInUse if another relay has the path, and with
// ErrNotSocket if there is another file. The file path+".lock" is locked until the socket is closed, so that one of two
// relays that start at once is refused; the lock is the kernel's, and ends with the process.
func OnSocket(path string, mode fs.FileMode, group string) (*Socket, error) {
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

// Addr returns the address on which the socket listens.
func (s *Socket) Addr() net.Addr { return s.listener().Addr() }

func (s *Socket) listener() *net.UnixListener {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ln
}

// Close closes the socket, removes its file, if that is still its own, and unlocks the lock file. The second call
// returns net.ErrClosed.
func (s *Socket) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return net.ErrClosed
	}
	s.closed = true
	return errors.Join(remove(s.path, s.file), s.ln.Close(), s.lock.Close())
}

// Unreachable returns why clients cannot connect: ErrGone, or the error when the file was to be made again. nil: they
// can.
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

// Remade returns how often the file was made again.
func (s *Socket) Remade() uint64 { return s.remade.Load() }

// Maintain looks at the socket's file once a second until ctx ends or the socket is closed, and makes the file again
// when it is gone. It calls tell, in its own goroutine, with the reason when clients cannot connect any more, and with
// nil when they can again. It returns nil.
func (s *Socket) Maintain(ctx context.Context, tell func(lost error)) error {
	ticker := time.NewTicker(checkInterval)
	defer ticker.Stop()
	reported := "" // why clients cannot connect
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
		if lost != nil && lost.Error() != reported {
			reported = lost.Error()
			tell(lost)
		}
		if reachable && reported != "" {
			reported = ""
			tell(nil)
		}
	}
}

// check makes the file again if it is gone. lost is why clients could not connect, reachable whether they can now.
func (s *Socket) check() (lost error, reachable bool) {
	if lost = s.Unreachable(); lost == nil {
		return nil, true
	}
	if err := s.make(); err != nil {
		return err, false
	}
	return lost, true
}

// make makes the file, and replaces the listener whose file is gone.
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

// failed notes why the file could not be made, for Unreachable.
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

// Offer has take called with a descriptor on which connections are accepted, now and each time the file is made again.
// take owns the descriptor. A nil take ends that.
func (s *Socket) Offer(take func(fd int)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.acceptOn = take
	return s.offerListener()
}

// offerListener gives a descriptor to acceptOn. s.mu is held.
func (s *Socket) offerListener() error {
	if s.acceptOn == nil {
		return nil
	}
	return offer(s.ln, s.acceptOn)
}

// offer gives take a duplicate of a listener's descriptor, which take owns.
func offer(ln syscall.Conn, take func(fd int)) error {
	raw, err := ln.SyscallConn()
	if err != nil {
		return err
	}
	fd, failed := -1, error(nil)
	err = raw.Control(func(own uintptr) { fd, failed = unix.FcntlInt(own, unix.F_DUPFD_CLOEXEC, 0) })
	if err = errors.Join(err, failed); err == nil {
		take(fd)
	}
	return err
}

// relock returns the lock that is held, if its file is still there, or a new lock.
func relock(path string, held *os.File) (*os.File, error) {
	if held != nil {
		if own, err := held.Stat(); err == nil && isAt(lockPath(path), own) {
			return held, nil
		}
	}
	return lockFile(path)
}

// isAt tells whether path is the same file as own. No other file gets the inode's number while the file is open, as it
// is by its listener.
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
