package listen

// Errors for a socket that cannot be made, with what to do.

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

// lockFailure returns the error for a lock file that cannot be opened.
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

// inUnit returns how a systemd unit makes a folder, if the folder is below /run.
func inUnit(folder string) string {
	name, ok := strings.CutPrefix(folder, "/run/")
	if !ok {
		return ""
	}
	return "; a systemd unit does with RuntimeDirectory=" + name
}

// notOurs returns the error for a file that belongs to another user, or for a folder in which this user may not write.
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

// groupFailure returns the error for a group that cannot be found.
func groupFailure(group string, err error) error {
	var unknown user.UnknownGroupError
	if errors.As(err, &unknown) {
		return fmt.Errorf("there is no group %q; create it, or write the number of another", group)
	}
	return err
}
