package relay

// The rules of one moment, with the counters of their routes. A reload replaces them as a whole.

import (
	"go.uber.org/zap"

	"redis-relay/config"
	"redis-relay/relay/monitor"
	"redis-relay/relay/notice"
	"redis-relay/relay/policy"
	"redis-relay/relay/schema"
)

// rules is immutable.
type rules struct {
	*policy.Rules
	counters []*monitor.Route // by Route.Index
}

func newRules(cfg *config.Config, m *monitor.Metrics) (*rules, error) {
	decided, err := policy.New(cfg)
	if err != nil {
		return nil, err
	}
	r := &rules{Rules: decided}
	for _, rt := range decided.Routes() {
		if checker, ok := rt.Checker.(*schema.Checker); ok && rt.SchemaName != "" {
			rt.Checker = &timedChecker{Checker: checker, times: m.SchemaCheck}
		}
		r.counters = append(r.counters, m.Route(rt.Name))
	}
	return r, nil
}

// tell says how the schemas of the routes are checked, and what is wrong with others.
func (r *rules) tell(teller *notice.Teller) {
	for _, warning := range r.Warnings() {
		teller.Log(notice.SettingWarning.With(warning))
	}
	var compiled []string
	for _, s := range r.UsedSchemas() {
		if s.Fallback == "" {
			compiled = append(compiled, s.Name)
			continue
		}
		teller.Log(notice.SchemaSlow, zap.String("schema", s.Name), zap.String("because_of", s.Fallback))
	}
	if len(compiled) > 0 {
		teller.Log(notice.SchemasCompiled, zap.Strings("schemas", compiled))
	}
}
