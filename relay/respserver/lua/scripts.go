package lua

// The scripts that were seen, by their digests.

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // it is how Redis names a script
	"encoding/hex"
)

// maxScripts is how many scripts are kept. If there are more, all are forgotten: clients then send the source.
const maxScripts = 64

// Scripts are the scripts that clients may call by their digest.
// The zero Scripts is ready for use.
type Scripts struct{ list map[string]*Script }

// Add parses a script and keeps it. sha is its digest, in lower case. known is nil if the relay does not serve the
// script.
func (s *Scripts) Add(source []byte) (sha string, known *Script) {
	if known = Parse(source); known == nil {
		return "", nil
	}
	sum := sha1.Sum(source) //nolint:gosec // it is how Redis names a script
	sha = hex.EncodeToString(sum[:])
	if s.list[sha] == nil && len(s.list) >= maxScripts || s.list == nil {
		s.list = map[string]*Script{}
	}
	s.list[sha] = known
	return sha, known
}

// Find returns the script with a digest; nil: it is not kept.
func (s *Scripts) Find(sha []byte) *Script {
	return s.list[string(bytes.ToLower(sha))]
}

// Forget forgets all scripts.
func (s *Scripts) Forget() {
	s.list = nil
}
