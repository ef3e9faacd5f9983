package schema

// A checker that accepts what any of several schemas does, as during a migration from one to the next.

// Either checks payloads against several schemas. The first that accepts a payload decides; if none does, the payload
// is refused for the reason of the first. It is safe for concurrent use.
type Either struct {
	// Fixed after construction.
	checkers []*Checker
	matched  func(i int) // the schema of that number has accepted a payload
}

// NewEither returns a checker of at least one schema. All checkers must be made for the same kind field and keys.
// matched is called from wherever a check is made, once for each payload that is accepted, with the place of the
// schema in the list; nil: nobody asks.
func NewEither(checkers []*Checker, matched func(i int)) *Either {
	if matched == nil {
		matched = func(int) {}
	}
	return &Either{checkers, matched}
}

// Counting returns a checker of the same schemas with another matched.
func (e *Either) Counting(matched func(i int)) *Either { return &Either{e.checkers, matched} }

// Scan is Checker.Scan. It does not decide if a schema that comes before the one that accepts is left open, so that
// the first that accepts is told from others. The kind and the key are those of the payload, whatever the schema.
func (e *Either) Scan(payload []byte) (kind, key []byte, decided bool, err error) {
	for i, c := range e.checkers {
		var verdict verdict
		kind, key, verdict, err = c.scanVerdict(payload)
		switch {
		case err != nil: // the guard refuses it, for all of them
			return kind, key, true, err
		case verdict == accepted:
			e.matched(i)
			return kind, key, true, nil
		case verdict == undecided:
			return kind, key, false, nil
		}
	}
	return kind, key, false, nil
}

// Brief is Checker.Brief, which takes the time for each schema that refuses the payload.
func (e *Either) Brief(payload []byte) (decided bool, err error) {
	for i, c := range e.checkers {
		decided, refused := c.Brief(payload)
		switch {
		case !decided:
			return false, nil
		case refused == nil:
			e.matched(i)
			return true, nil
		case err == nil:
			err = refused
		}
	}
	return true, err
}

// Validate is Checker.Validate, which takes the time for each schema that refuses the payload.
func (e *Either) Validate(payload []byte, stopped func() bool) (err error) {
	for i, c := range e.checkers {
		refused := c.Validate(payload, stopped)
		switch {
		case refused == nil:
			e.matched(i)
			return nil
		case err == nil || refused == ErrStopped: //nolint:errorlint // returned as it is
			err = refused
		}
	}
	return err
}
