package preflight

// What check prints of schemas that have changed.

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"redis-relay/config"
	"redis-relay/relay/policy"
	"redis-relay/relay/schema/evolve"
)

// verdictWords are the verdicts for people and for machines.
var verdictWords = map[evolve.Verdict]string{
	evolve.Compatible: "compatible", evolve.Incompatible: "not compatible", evolve.Undecided: "undecided",
}

// Evolution is how the schemas of a configuration differ from those of an earlier one.
type Evolution struct{ routes []policy.Evolution }

// CompareSchemas compares the schemas of each route with those of an earlier configuration. The error says what is
// wrong with either. It takes up to a second for a pair of large schemas.
func CompareSchemas(before, now *config.Config) (*Evolution, error) {
	old, err := policy.New(before)
	if err != nil {
		return nil, fmt.Errorf("the earlier state: %w", before.Locate(err))
	}
	next, err := policy.New(now)
	if err != nil {
		return nil, now.Locate(err)
	}
	return &Evolution{policy.Compare(old, next, false)}, nil
}

// Allowed returns an error if a route is not compatible as its evolve demands.
func (e *Evolution) Allowed() error {
	var broken []string
	for i := range e.routes {
		if _, err := e.routes[i].Judge(); err != nil {
			broken = append(broken, e.routes[i].Route)
		}
	}
	if len(broken) == 0 {
		return nil
	}
	return fmt.Errorf("not compatible as evolve demands: the routes %s", strings.Join(broken, ", "))
}

// Write prints the comparison for people.
func (e *Evolution) Write(w io.Writer) error {
	var b strings.Builder
	for i := range e.routes {
		r := &e.routes[i]
		fmt.Fprintf(&b, "%s  evolve: %s  schema: %s, was %s\n", r.Route, r.Demand, schemaWords(r.Now), schemaWords(r.Before))
		fmt.Fprintf(&b, "  backward, what was valid is valid: %s\n", answerWords(&r.Backward))
		fmt.Fprintf(&b, "  forward, what is valid was valid:  %s\n", answerWords(&r.Forward))
	}
	if len(e.routes) == 0 {
		b.WriteString("no route has a schema to be compared\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func schemaWords(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

func answerWords(a *evolve.Answer) string {
	text := verdictWords[a.Verdict]
	switch a.Verdict {
	case evolve.Incompatible:
		text += fmt.Sprintf("\n    %s\n    %s", a.Message, a.Reason)
	case evolve.Undecided:
		text += ", because of " + a.Keyword
	}
	return text
}

// direction is an answer as JSON.
type direction struct {
	Verdict string `json:"verdict"`
	Message string `json:"message,omitempty"`
	Reason  string `json:"reason,omitempty"`
	Keyword string `json:"keyword,omitempty"`
}

// comparison is what has become of a route, as JSON.
type comparison struct {
	Route    string    `json:"route"`
	Evolve   string    `json:"evolve"`
	Before   []string  `json:"before"`
	Now      []string  `json:"now"`
	Backward direction `json:"backward"`
	Forward  direction `json:"forward"`
	Allowed  bool      `json:"allowed"`
}

// WriteJSON prints the comparison as one JSON object.
func (e *Evolution) WriteJSON(w io.Writer) error {
	list := make([]comparison, len(e.routes))
	for i := range e.routes {
		r := &e.routes[i]
		_, err := r.Judge()
		list[i] = comparison{
			Route: r.Route, Evolve: string(r.Demand), Before: append([]string{}, r.Before...), Now: append([]string{}, r.Now...),
			Backward: directionOf(&r.Backward), Forward: directionOf(&r.Forward), Allowed: err == nil,
		}
	}
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	out.SetIndent("", "  ")
	return out.Encode(map[string]any{"allowed": e.Allowed() == nil, "routes": list})
}

func directionOf(a *evolve.Answer) direction {
	return direction{verdictWords[a.Verdict], string(a.Message), a.Reason, a.Keyword}
}
