package respserver

// Making the socket: never taking one from a living relay, never leaving a moment
// in which the wrong people could connect.

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/user"
	"strconv"
	"syscall"
	"time"
)

// Errors of Listen.
var (
	ErrInUse     = errors.New("a living relay holds this socket")
	ErrNotSocket = errors.New("the path exists and is not a socket")
)

// Listen makes the Unix socket at path with a mode and a group (name or number;
// empty: the process's own). A socket that nobody answers on is replaced. The
// file lock path+".lock" is held until the listener is closed, so that of two
// relays that start at once one is refused; it is the kernel's, and goes with the
// process.
func Listen(path string, mode fs.FileMode, group string) (net.Listener, error) {
	gid, err := groupID(group)
	if err != nil {
		return nil, fmt.Errorf("socket.group: %w", err)
	}
	lock, err := lockFile(path)
	if err != nil {
		return nil, err
	}
	ln, err := listen(path, mode, gid)
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return &listener{ln, lock}, nil
}

// listener lets go of the lock after the socket is gone.
type listener struct {
	net.Listener
	lock *os.File
}

func (l *listener) Close() error { return errors.Join(l.Listener.Close(), l.lock.Close()) }

func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path+".lock", os.O_CREATE|os.O_RDWR|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("socket.path: cannot lock %s: %w", path, err)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		return f, nil
	}
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = fmt.Errorf("socket.path: %s: %w; stop it or choose another path", path, ErrInUse)
	} else {
		err = fmt.Errorf("socket.path: cannot lock %s: %w", path, err)
	}
	return nil, errors.Join(err, f.Close())
}

func listen(path string, mode fs.FileMode, gid int) (net.Listener, error) {
	if err := clearWay(path); err != nil {
		return nil, err
	}
	config := net.ListenConfig{Control: ownerOnly}
	ln, err := config.Listen(context.Background(), "unix", path)
	if err != nil {
		return nil, fmt.Errorf("socket.path: %w", err)
	}
	if gid >= 0 {
		if err := os.Chown(path, -1, gid); err != nil {
			return nil, errors.Join(fmt.Errorf("socket.group: %w", err), ln.Close())
		}
	}
	if err := os.Chmod(path, mode); err != nil {
		return nil, errors.Join(fmt.Errorf("socket.mode: %w", err), ln.Close())
	}
	return ln, nil
}

// ownerOnly lets nobody else connect until the socket has its group and mode.
// Linux takes the mode of the file that bind(2) makes from that of the socket
// (unix_bind_bsd in net/unix/af_unix.c); other systems refuse this, and there the
// umask holds for that moment. The umask itself is not touched: it is the whole
// process's, so files that others make meanwhile would get it too.
func ownerOnly(_, _ string, conn syscall.RawConn) error {
	return conn.Control(func(fd uintptr) { _ = syscall.Fchmod(int(fd), 0o600) })
}

// clearWay removes a socket that nobody answers on.
func clearWay(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("socket.path: %w", err)
	case info.Mode().Type() != fs.ModeSocket:
		return fmt.Errorf("socket.path: %s: %w (%s); remove it or choose another path", path, ErrNotSocket, info.Mode())
	}
	conn, err := net.DialTimeout("unix", path, time.Second)
	if err == nil {
		_ = conn.Close()
		return fmt.Errorf("socket.path: %s: %w; stop it or choose another path", path, ErrInUse)
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("socket.path: %s cannot be tried: %w", path, err)
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("socket.path: cannot remove the stale socket: %w", err)
	}
	return nil
}

func groupID(group string) (int, error) {
	if group == "" {
		return -1, nil
	}
	if n, err := strconv.Atoi(group); err == nil {
		return n, nil
	}
	g, err := user.LookupGroup(group)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(g.Gid)
}
