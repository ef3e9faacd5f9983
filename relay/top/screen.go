package top

// The terminal: painting, and reading keys.

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/gdamore/tcell/v3"
	"github.com/gdamore/tcell/v3/color"

	"redis-relay/relay/status"
)

// Answer is what came of asking the relay: its status, or why there is none.
type Answer struct {
	Status *status.Status
	Err    error
}

// Decode reads a status from its JSON.
func Decode(text []byte) (*status.Status, error) {
	s := &status.Status{}
	if err := json.Unmarshal(text, s); err != nil {
		return nil, fmt.Errorf("the relay's status cannot be read; is it another version? %w", err)
	}
	return s, nil
}

// Run shows a model on the terminal of the process until the user quits or ctx ends, and then restores the terminal.
// It takes what answers brings into the model. It fails if there is no terminal.
func Run(ctx context.Context, m *Model, answers <-chan Answer) error {
	s, err := tcell.NewScreen()
	if err == nil {
		err = s.Init()
	}
	if err != nil {
		return fmt.Errorf("use the terminal: %w; --once needs none", err)
	}
	defer s.Fini()
	for i, r := range bars { // for terminals that know ASCII alone
		s.RegisterRuneFallback(r, string("_.-:=+*#"[i]))
	}
	s.RegisterRuneFallback('…', "~")
	tick := time.NewTicker(time.Second) // the age of the picture
	defer tick.Stop()
	for {
		paint(s, m)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case a := <-answers:
			m.take(a)
		case event := <-s.EventQ():
			if handle(s, m, event) {
				return nil
			}
		}
	}
}

func (m *Model) take(a Answer) {
	if a.Err != nil {
		m.Fail(a.Err, time.Now())
		return
	}
	m.Update(a.Status, time.Now())
}

// looks are the styles on a terminal. tcell leaves the colours out where NO_COLOR is set.
var looks = map[Style]tcell.Style{
	Plain:    tcell.StyleDefault,
	Dim:      tcell.StyleDefault.Dim(true),
	Title:    tcell.StyleDefault.Bold(true),
	Good:     tcell.StyleDefault.Foreground(color.Green),
	Warn:     tcell.StyleDefault.Foreground(color.Olive), // ANSI's yellow
	Bad:      tcell.StyleDefault.Foreground(color.Red).Bold(true),
	Selected: tcell.StyleDefault.Reverse(true),
}

func paint(s tcell.Screen, m *Model) {
	wide, high := s.Size()
	s.Clear()
	for y, line := range m.Lines(wide, high, time.Now()) {
		x := 0
		for _, part := range line {
			s.PutStrStyled(x, y, part.Text, looks[part.Style])
			x += width(part.Text)
		}
	}
	s.Show()
}

// handle takes an event of the terminal, and returns true if the user quits.
func handle(s tcell.Screen, m *Model, event tcell.Event) (quit bool) {
	switch event := event.(type) {
	case *tcell.EventResize:
		s.Sync()
	case *tcell.EventKey:
		switch event.Key() {
		case tcell.KeyCtrlL:
			s.Sync()
		case tcell.KeyCtrlZ:
			suspend(s)
		default:
			return m.Key(keyName(event))
		}
	}
	return false
}

// keyNames are the names of keys that are no characters, as Model.Key knows them.
var keyNames = map[tcell.Key]string{
	tcell.KeyEnter: "enter", tcell.KeyEscape: "esc", tcell.KeyBackspace: "backspace", tcell.KeyBackspace2: "backspace",
	tcell.KeyTab: "tab", tcell.KeyUp: "up", tcell.KeyDown: "down", tcell.KeyPgUp: "pgup", tcell.KeyPgDn: "pgdn",
	tcell.KeyHome: "home", tcell.KeyEnd: "end", tcell.KeyCtrlC: "ctrl-c",
}

func keyName(key *tcell.EventKey) string {
	if key.Key() == tcell.KeyRune {
		return key.Str()
	}
	return keyNames[key.Key()]
}

// suspend stops the process as Ctrl-Z does, with the terminal as it was, until the shell lets it go on.
func suspend(s tcell.Screen) {
	goesOn := make(chan os.Signal, 1)
	signal.Notify(goesOn, syscall.SIGCONT)
	defer signal.Stop(goesOn)
	if s.Suspend() != nil {
		return
	}
	_ = syscall.Kill(0, syscall.SIGTSTP) // the whole pipeline; an error leaves us running
	select {
	case <-goesOn:
	case <-time.After(time.Second): // nobody could let it go on, so the system has not stopped it
	}
	_ = s.Resume() // the next paint would fail, too
}
