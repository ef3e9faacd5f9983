package embedded

// Persistence: the server's streams in a file, as the commands that make them. redis-cli --pipe can send that file to
// another Redis.

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/alicebob/miniredis/v2/server"
	"go.uber.org/zap"

	"redis-relay/relay/resp"
)

const (
	saveInterval = time.Second
	saveRest     = 20               // the pause after a save is at least so many times as long as the save took
	lockTimeout  = 10 * time.Second // the longest wait for an earlier server to end
)

var errOwned = errors.New("another process has it")

// changing lists the commands that change streams.
var changing = map[string]bool{
	"xadd": true, "xtrim": true, "xdel": true, "del": true, "unlink": true, "rename": true, "renamenx": true,
	"copy": true, "move": true, "swapdb": true, "flushall": true, "flushdb": true, "persist": true, "expire": true,
	"expireat": true, "pexpire": true, "pexpireat": true,
}

// persister keeps the streams of a server in a file.
type persister struct {
	// Fixed after construction.
	srv     *Server
	file    string
	log     *zap.Logger
	stopped chan struct{}

	locked *os.File // the file, with a lock on it; owned by Start, then by run, then by Close

	changed atomic.Bool // streams have changed since the last save
}

// open locks the file and loads its streams.
func (k *persister) open() error {
	if err := k.lock(); err != nil {
		return err
	}
	if err := k.load(); err != nil {
		return errors.Join(err, k.locked.Close())
	}
	return nil
}

// lock locks the file, and creates it if there is none. It waits for an earlier server to end, which has yet to save.
func (k *persister) lock() error {
	for end := time.Now().Add(lockTimeout); ; time.Sleep(20 * time.Millisecond) {
		f, err := os.OpenFile(k.file, os.O_CREATE|os.O_RDWR|syscall.O_NOFOLLOW, 0o600)
		if err != nil {
			return err
		}
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil && k.isCurrent(f) {
			k.locked = f
			return nil
		}
		_ = f.Close() // nothing was written to it
		switch {
		case err != nil && !errors.Is(err, syscall.EWOULDBLOCK):
			return fmt.Errorf("lock %s: %w", k.file, err)
		case time.Now().After(end):
			return fmt.Errorf("lock %s: %w", k.file, errOwned)
		}
	}
}

// isCurrent reports whether f is still the file of that name, and was not replaced.
func (k *persister) isCurrent(f *os.File) bool {
	mine, err := f.Stat()
	now, errNow := os.Stat(k.file)
	return err == nil && errNow == nil && os.SameFile(mine, now)
}

// load carries out the commands in the file.
func (k *persister) load() error {
	b, err := io.ReadAll(k.locked)
	if err != nil {
		return err
	}
	input, all := resp.Commands{MaxBulk: maxArgument}, b
	for made := 0; ; {
		cmd, whole, err := input.Next()
		switch {
		case err != nil:
			return k.unreadable(err)
		case whole:
			v, err := k.srv.do(words(cmd)...)
			if err == nil && v.Type == '-' {
				err = errors.New(string(v.Str))
			}
			if err != nil {
				return k.unreadable(err)
			}
			made++
		case len(b) == 0 && input.Buffered() > 0:
			return k.dropLastCommand(all, input.Buffered(), made)
		case len(b) == 0:
			return nil
		default:
			n := copy(input.Space(), b)
			input.Wrote(n)
			b = b[n:]
		}
	}
}

func (k *persister) unreadable(err error) error {
	return fmt.Errorf("read %s: %w (remove it to begin with nothing)", k.file, err)
}

func words(cmd resp.Command) []string {
	list := make([]string, len(cmd.Args))
	for i, a := range cmd.Args {
		list[i] = string(a)
	}
	return list
}

// run saves changed streams until stopped is closed.
func (k *persister) run() {
	for wait := saveInterval; ; {
		select {
		case <-k.stopped:
			return
		case <-time.After(wait):
		}
		began := time.Now()
		if err := k.save(); err != nil {
			k.log.Warn("the embedded Redis cannot save its streams", zap.Error(err))
		}
		wait = max(saveInterval, saveRest*time.Since(began))
	}
}

// save writes a new file, if streams have changed, and replaces the old one.
func (k *persister) save() error {
	if !k.changed.Swap(false) {
		return nil
	}
	next, err := os.OpenFile(k.file+".new", os.O_CREATE|os.O_RDWR|os.O_TRUNC|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(next)
	err = k.write(out)
	err = errors.Join(err, out.Flush(), syscall.Flock(int(next.Fd()), syscall.LOCK_EX|syscall.LOCK_NB))
	if err == nil {
		err = os.Rename(next.Name(), k.file)
	}
	if err != nil {
		return errors.Join(err, next.Close())
	}
	k.locked, next = next, k.locked
	return next.Close()
}

// end saves for the last time, and unlocks the file.
func (k *persister) end() error { return errors.Join(k.save(), k.locked.Close()) }

// write writes the commands that make all streams. It ignores errors of out, because Flush returns them.
func (k *persister) write(out *bufio.Writer) error {
	engine := k.srv.engine
	for _, key := range engine.Keys() {
		if engine.Type(key) != "stream" {
			continue
		}
		entries, err := k.srv.do("XRANGE", key, "-", "+")
		if err != nil {
			return err
		}
		for _, e := range entries.Elems {
			args := []string{"XADD", key, string(e.Elems[0].Str)}
			for _, field := range e.Elems[1].Elems {
				args = append(args, string(field.Str))
			}
			_, _ = out.Write(appendCommand(args...))
		}
		if ttl := engine.TTL(key); ttl > 0 && len(entries.Elems) > 0 {
			at := strconv.FormatInt(time.Now().Add(ttl).UnixMilli(), 10)
			_, _ = out.Write(appendCommand("PEXPIREAT", key, at))
		}
	}
	return nil
}

func appendCommand(args ...string) []byte {
	b := resp.AppendArray(nil, len(args))
	for _, a := range args {
		b = resp.AppendBulkString(b, a)
	}
	return b
}

// do has the engine carry out a command.
func (s *Server) do(args ...string) (resp.Value, error) {
	var reply bytes.Buffer
	peer := server.NewPeer(bufio.NewWriter(&reply))
	s.data.Dispatch(peer, args)
	peer.Flush()
	return resp.ReadValue(bufio.NewReader(&reply))
}

// note is called for each command that the engine is about to carry out.
func (k *persister) note(name string) {
	if k != nil && changing[strings.ToLower(name)] {
		k.changed.Store(true)
	}
}
