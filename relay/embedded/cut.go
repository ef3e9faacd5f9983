package embedded

// This file is what becomes of a file of streams that ends within a command: the
// machine stopped, or the disk was full, before all of it was on the disk.

import (
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"syscall"
	"time"

	"go.uber.org/zap"
)

// another finds the beginning of a command that the keeper writes, behind another one.
var another = regexp.MustCompile(`\r\n\*\d+\r\n\$(4\r\nXADD|9\r\nPEXPIREAT)\r\n`)

// leaveOut accepts that a file ends within its last command, as Redis does with
// aof-load-truncated: made commands before it are carried out, and the last bytes of the
// file, which are a part of it, are left out. The file as it was is copied first,
// since the next save replaces it.
//
// Where others follow in those bytes, the file is not cut but broken, and stays as it is.
func (k *keeper) leaveOut(file []byte, bytes, made int) error {
	rest := file[len(file)-bytes:]
	if rest[0] != '*' || another.Match(rest) {
		return k.unreadable(io.ErrUnexpectedEOF)
	}
	name := k.file + ".cut-" + time.Now().UTC().Format("20060102T150405.000")
	if err := writeNew(name, file); err != nil {
		return fmt.Errorf("read %s: it ends within a command, and cannot be copied before that is left out: %w", k.file, err)
	}
	k.changed.Store(true) // so that the next start finds a whole file
	k.log.Warn("the file of streams ends within a command, which is left out",
		zap.String("file", k.file), zap.Int("commands_loaded", made), zap.Int("commands_left_out", 1),
		zap.Int("bytes_left_out", bytes), zap.String("copy_of_the_original", name))
	return nil
}

// writeNew writes a file that is not there yet.
func writeNew(name string, text []byte) error {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Sync(), f.Close())
}
