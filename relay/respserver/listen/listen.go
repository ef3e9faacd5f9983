package listen

// Making the socket's file: never in place of a running relay's, and at no moment open to the wrong users.

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

// Errors of OnSocket.
var (
	ErrInUse     = errors.New("a living relay holds this socket")
	ErrNotSocket = errors.New("the path exists and is not a socket")
)

func lockPath(path string) string { return path + ".lock" }

func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(lockPath(path), os.O_CREATE|os.O_RDWR|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, lockFailure(path, err)
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

// bind makes the socket's file, and returns the listener and the file's identity.
func bind(path string, mode fs.FileMode, gid int) (*net.UnixListener, fs.FileInfo, error) {
	if err := removeStale(path); err != nil {
		return nil, nil, err
	}
	config := net.ListenConfig{Control: ownerOnly}
	made, err := config.Listen(context.Background(), "unix", path)
	if err != nil {
		return nil, nil, fmt.Errorf("socket.path: %w", err)
	}
	ln := made.(*net.UnixListener) //nolint:forcetypeassert // listeners of "unix" are
	ln.SetUnlinkOnClose(false)     // it would remove whatever file is at the path then
	own, err := os.Lstat(path)
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("socket.path: %w", err), ln.Close())
	}
	if err := setAccess(path, mode, gid); err != nil {
		return nil, nil, errors.Join(err, remove(path, own), ln.Close())
	}
	return ln, own, nil
}

// setAccess sets the group and the mode, which decide who may connect.
func setAccess(path string, mode fs.FileMode, gid int) error {
	if gid >= 0 {
		if err := os.Chown(path, -1, gid); err != nil {
			return fmt.Errorf("socket.group: %w; the relay's user must be a member of the group", err)
		}
	}
	if err := os.Chmod(path, mode); err != nil {
		return fmt.Errorf("socket.mode: %w", err)
	}
	return nil
}

// ownerOnly lets only the owner connect until the socket has its group and mode. Linux takes the mode of the file that
// bind(2) makes from the socket (unix_bind_bsd in net/unix/af_unix.c). Other systems refuse this; there the umask
// holds for that moment. The umask itself is not changed: it belongs to the whole process, and files that others make
// at the time would get it, too.
func ownerOnly(_, _ string, conn syscall.RawConn) error {
	return conn.Control(func(fd uintptr) { _ = syscall.Fchmod(int(fd), 0o600) })
}

// removeStale removes a socket on which nobody answers.
func removeStale(path string) error {
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
		if errors.Is(err, fs.ErrPermission) {
			return notOurs(path, path, err)
		}
		return fmt.Errorf("socket.path: %s cannot be tried: %w", path, err)
	}
	if err := os.Remove(path); errors.Is(err, fs.ErrPermission) {
		return notOurs(path, path, err)
	} else if err != nil {
		return fmt.Errorf("socket.path: cannot remove the stale socket: %w", err)
	}
	return nil
}

// CheckGroup returns what is wrong with a group for OnSocket, or nil.
func CheckGroup(group string) error {
	if _, err := groupID(group); err != nil {
		return fmt.Errorf("socket.group: %w", err)
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
		return 0, groupFailure(group, err)
	}
	return strconv.Atoi(g.Gid)
}
