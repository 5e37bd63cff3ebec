package browse

import (
	"context"
	"errors"
	"io"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/telematicsctl/telematicsctl/internal/failure"
)

// Terminal is what the screen is drawn on.
type Terminal struct {
	In      io.Reader
	Out     io.Writer
	Environ []string
	Color   bool
	Now     func() time.Time

	// Ready, if not nil, is given what sends the model a remark, from any goroutine.
	Ready func(note func(text string))
}

// Screen shows the model full screen, until the person leaves or the context ends. The terminal is
// as it was before when it returns, whatever happens.
func Screen(ctx context.Context, t Terminal, o Options, port Port) error {
	s := &screen{terminal: t}
	program := tea.NewProgram(s, tea.WithInput(t.In), tea.WithOutput(t.Out), tea.WithEnvironment(t.Environ),
		tea.WithoutSignalHandler())
	// Not by tea.WithContext, which leaves the goroutine behind that reads keys.
	defer context.AfterFunc(ctx, program.Quit)()
	s.runner = newRunner(ctx, port, func(m Msg) { program.Send(m) })
	if t.Ready != nil {
		t.Ready(func(text string) { go program.Send(Noted{text}) })
	}
	s.model, s.first = New(o, t.Now())
	_, err := program.Run()
	lost := s.runner.stop()
	switch {
	case lost != nil:
		return lost
	case s.err != nil:
		return s.err
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil && !errors.Is(err, tea.ErrProgramKilled):
		return failure.Wrap(failure.Failed, "show the screen", err)
	}
	return nil
}

// screen is the model as bubbletea runs it.
type screen struct {
	terminal Terminal
	runner   *runner
	model    Model
	first    []Cmd
	err      error // how it ends
}

// Init implements tea.Model.
func (s *screen) Init() tea.Cmd { return s.do(s.first) }

// do carries commands out.
func (s *screen) do(cmds []Cmd) tea.Cmd {
	for _, c := range cmds {
		if q, ok := c.(Quit); ok {
			s.err = q.Err
			return tea.Quit
		}
		s.runner.do(c)
	}
	return nil
}

// Update implements tea.Model. A panic ends the screen as an error does.
func (s *screen) Update(msg tea.Msg) (same tea.Model, cmd tea.Cmd) {
	defer func() {
		if p := recover(); p != nil {
			s.err = bug(p)
			same, cmd = s, tea.Quit
		}
	}()
	m, ok := translated(msg)
	if !ok {
		return s, nil
	}
	next, cmds := s.model.Update(s.terminal.Now(), m)
	s.model = next
	return s, s.do(cmds)
}

// translated returns the model's own message.
func translated(msg tea.Msg) (Msg, bool) {
	switch msg := msg.(type) {
	case Msg:
		return msg, true
	case tea.WindowSizeMsg:
		return Size{msg.Width, msg.Height}, true
	case tea.PasteMsg:
		return Paste{msg.Content}, true
	case tea.KeyPressMsg:
		return Key{Name: msg.String(), Text: msg.Text}, true
	}
	return nil, false
}

// View implements tea.Model.
func (s *screen) View() (v tea.View) {
	defer func() {
		if p := recover(); p != nil {
			s.err = bug(p)
			v = tea.NewView("")
			go s.runner.send(Key{Name: "ctrl+c"})
		}
	}()
	f := s.model.Frame()
	v = tea.NewView(f.ANSI(s.terminal.Color))
	v.AltScreen = true
	if f.CursorX >= 0 {
		v.Cursor = tea.NewCursor(f.CursorX, f.CursorY)
		v.Cursor.Blink = false
	}
	return v
}
