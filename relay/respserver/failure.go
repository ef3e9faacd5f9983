package respserver

// The words for what keeps the socket from being made, with the way out.

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"syscall"
)

// lockFailure says why the file that locks a socket cannot be opened.
func lockFailure(path string, err error) error {
	folder := filepath.Dir(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("socket.path: %s: there is no folder %s; create it%s (%w)", path, folder, inUnit(folder), err)
	case errors.Is(err, syscall.ENOTDIR):
		return fmt.Errorf("socket.path: %s: %s is no folder; choose another path (%w)", path, folder, err)
	case errors.Is(err, syscall.EROFS):
		return fmt.Errorf("socket.path: %s: mount something that can be written at %s (%w)", path, folder, err)
	case errors.Is(err, fs.ErrPermission):
		return notOurs(path, lockPath(path), err)
	}
	return fmt.Errorf("socket.path: cannot lock %s: %w", path, err)
}

// inUnit is how a systemd unit makes a folder below /run, if that is where it is.
func inUnit(folder string) string {
	name, ok := strings.CutPrefix(folder, "/run/")
	if !ok {
		return ""
	}
	return "; a systemd unit does with RuntimeDirectory=" + name
}

// notMine says whose a file is that this user may not touch, or that it may not be made.
func notOurs(path, file string, err error) error {
	me := os.Geteuid()
	if info, failed := os.Lstat(file); failed == nil {
		if stat, ok := info.Sys().(*syscall.Stat_t); ok && int(stat.Uid) != me {
			return fmt.Errorf("socket.path: %s: %s is of user %d, and this relay runs as user %d; "+
				"delete it when the relay's user changes (%w)", path, file, stat.Uid, me, err)
		}
	}
	return fmt.Errorf("socket.path: %s: user %d may not write into the folder %s; give it to that user (%w)",
		path, me, filepath.Dir(path), err)
}

// groupFailure says why a group cannot be found.
func groupFailure(group string, err error) error {
	var unknown user.UnknownGroupError
	if errors.As(err, &unknown) {
		return fmt.Errorf("there is no group %q; create it, or write the number of another", group)
	}
	return err
}
