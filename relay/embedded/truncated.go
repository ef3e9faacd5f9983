package embedded

// A truncated file of streams: one that ends within a command, because the machine stopped, or the disk was full,
// while it was written.

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

// another matches the beginning of a command that the persister writes, behind another command.
var another = regexp.MustCompile(`\r\n\*\d+\r\n\$(4\r\nXADD|9\r\nPEXPIREAT)\r\n`)

// dropLastCommand accepts a file that ends within its last command, as Redis does with aof-load-truncated. The
// loaded commands before it stay, and the last bytes of the file are left out. The original file is copied first,
// because the next save replaces it.
//
// If other commands follow in those bytes, the file is not truncated but damaged: it stays as it is, and there is an
// error.
func (k *persister) dropLastCommand(file []byte, bytes, made int) error {
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

// writeNew writes a file that must not exist yet.
func writeNew(name string, text []byte) error {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Sync(), f.Close())
}
