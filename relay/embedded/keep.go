package embedded

// This file is what outlives the server: its streams, in a file of the commands that
// make them. redis-cli --pipe can play it to another Redis.

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
	saveEvery = time.Second
	saveRest  = 20               // times as long as a save took, nothing is saved after it
	ownWithin = 10 * time.Second // for an earlier server to end
)

var errOwned = errors.New("another process has it")

// changing are the commands after which streams are saved again.
var changing = map[string]bool{
	"xadd": true, "xtrim": true, "xdel": true, "del": true, "unlink": true, "rename": true, "renamenx": true,
	"copy": true, "move": true, "swapdb": true, "flushall": true, "flushdb": true, "persist": true, "expire": true,
	"expireat": true, "pexpire": true, "pexpireat": true,
}

// keeper has the streams of a server in a file.
type keeper struct {
	// Fixed after construction.
	srv     *Server
	file    string
	log     *zap.Logger
	stopped chan struct{}

	held *os.File // the file, locked; owned by Start, then by run, then by Close

	changed atomic.Bool // since they were saved last
}

// begin takes the file and makes its streams.
func (k *keeper) begin() error {
	if err := k.own(); err != nil {
		return err
	}
	if err := k.load(); err != nil {
		return errors.Join(err, k.held.Close())
	}
	return nil
}

// own locks the file, and makes it if there is none. A server that is ending is
// waited for: it has yet to save.
func (k *keeper) own() error {
	for end := time.Now().Add(ownWithin); ; time.Sleep(20 * time.Millisecond) {
		f, err := os.OpenFile(k.file, os.O_CREATE|os.O_RDWR|syscall.O_NOFOLLOW, 0o600)
		if err != nil {
			return err
		}
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil && k.is(f) {
			k.held = f
			return nil
		}
		_ = f.Close() // it was only to be read
		switch {
		case err != nil && !errors.Is(err, syscall.EWOULDBLOCK):
			return fmt.Errorf("lock %s: %w", k.file, err)
		case time.Now().After(end):
			return fmt.Errorf("lock %s: %w", k.file, errOwned)
		}
	}
}

// is tells whether f is the file still, and not one that has been replaced.
func (k *keeper) is(f *os.File) bool {
	mine, err := f.Stat()
	now, errNow := os.Stat(k.file)
	return err == nil && errNow == nil && os.SameFile(mine, now)
}

// load makes the streams of the file.
func (k *keeper) load() error {
	b, err := io.ReadAll(k.held)
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
			return k.leaveOut(all, input.Buffered(), made)
		case len(b) == 0:
			return nil
		default:
			n := copy(input.Space(), b)
			input.Wrote(n)
			b = b[n:]
		}
	}
}

func (k *keeper) unreadable(err error) error {
	return fmt.Errorf("read %s: %w (remove it to begin with nothing)", k.file, err)
}

func words(cmd resp.Command) []string {
	list := make([]string, len(cmd.Args))
	for i, a := range cmd.Args {
		list[i] = string(a)
	}
	return list
}

// run saves what has changed until stopped is closed.
func (k *keeper) run() {
	for wait := saveEvery; ; {
		select {
		case <-k.stopped:
			return
		case <-time.After(wait):
		}
		began := time.Now()
		if err := k.save(); err != nil {
			k.log.Warn("the embedded Redis cannot save its streams", zap.Error(err))
		}
		wait = max(saveEvery, saveRest*time.Since(began))
	}
}

// save writes the file anew, if anything has changed.
func (k *keeper) save() error {
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
	k.held, next = next, k.held
	return next.Close()
}

// end saves for the last time.
func (k *keeper) end() error { return errors.Join(k.save(), k.held.Close()) }

// write writes the commands that make all streams. Writing to out fails for good, and
// Flush says so.
func (k *keeper) write(out *bufio.Writer) error {
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

// note looks at a command that the engine is about to carry out.
func (k *keeper) note(name string) {
	if k != nil && changing[strings.ToLower(name)] {
		k.changed.Store(true)
	}
}
