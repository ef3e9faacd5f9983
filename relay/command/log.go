package command

// The log, which never holds the relay up.

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"redis-relay/config"
)

func newLogger(c config.Log) (*zap.Logger, zap.AtomicLevel, error) {
	level, err := zap.ParseAtomicLevel(string(c.Level))
	if err != nil {
		return nil, level, fmt.Errorf("log.level: %w", err)
	}
	conf, encoder := zap.NewProductionEncoderConfig(), zapcore.NewJSONEncoder
	conf.EncodeTime = zapcore.RFC3339NanoTimeEncoder
	conf.EncodeDuration = zapcore.StringDurationEncoder
	if c.Format == config.FormatConsole {
		encoder = zapcore.NewConsoleEncoder
		conf.EncodeTime = zapcore.TimeEncoderOfLayout("15:04:05.000")
		conf.EncodeLevel = zapcore.CapitalLevelEncoder
		conf.ConsoleSeparator = "  "
	}
	out := &impatient{to: os.Stderr, turn: make(chan struct{}, 1)}
	return zap.New(zapcore.NewCore(encoder(conf), zapcore.AddSync(out), level)), level, nil
}

// logPatience is how long a line of the log is waited for.
const logPatience = 100 * time.Millisecond

// impatient writes the log. When whoever should read it has stopped to, lines are lost
// until it goes on, and the relay does not wait.
type impatient struct {
	to    io.Writer
	turn  chan struct{} // a place for the line that is being written
	stuck atomic.Bool   // that line has taken too long
}

// Write does not fail.
func (w *impatient) Write(line []byte) (int, error) {
	late := time.NewTimer(logPatience)
	defer late.Stop()
	if !w.begin(late.C) {
		return len(line), nil
	}
	written, own := make(chan struct{}), bytes.Clone(line)
	go func() {
		_, _ = w.to.Write(own)
		w.stuck.Store(false)
		<-w.turn
		close(written)
	}()
	select {
	case <-written:
	case <-late.C:
		w.stuck.Store(true)
	}
	return len(line), nil
}

// begin waits until no other line is being written, but not for one that is stuck.
func (w *impatient) begin(late <-chan time.Time) bool {
	select {
	case w.turn <- struct{}{}:
		return true
	default:
	}
	if w.stuck.Load() {
		return false
	}
	select {
	case w.turn <- struct{}{}:
		return true
	case <-late:
		return false
	}
}
