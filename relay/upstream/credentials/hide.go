package credentials

// Keeping passwords out of errors.

import "strings"

// shortest is how many bytes of the beginning of a password are hidden where the rest is cut off.
const shortest = 8

// hide takes a secret out of a text, also where only its beginning is there: Redis shortens what it quotes.
func hide(text, secret string) string {
	if secret == "" {
		return text
	}
	for n := min(len(secret), len(text)); n >= min(len(secret), shortest); n-- {
		text = strings.ReplaceAll(text, secret[:n], "xxxxx")
	}
	return text
}

// hidden is an error whose text has lost a password.
type hidden struct {
	error
	text string
}

func (h *hidden) Error() string { return h.text }
func (h *hidden) Unwrap() error { return h.error }

// Hide takes the password out of the text of an error, which may be nil: where AUTH is not known, Redis quotes it.
func (l Login) Hide(err error) error {
	if err == nil {
		return nil
	}
	if text := hide(err.Error(), l.Password); text != err.Error() {
		return &hidden{err, text}
	}
	return err
}
