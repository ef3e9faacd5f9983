// This file words the protocol errors, as Redis does, and reads the numbers that cause half of them.

package resp

import (
	"fmt"
	"math"
)

// ProtocolError says why nothing more can be read from a client. Send it as "ERR " and its text, then close.
type ProtocolError struct {
	// Reason is what Redis says behind "Protocol error: ". It may hold any byte the client sent.
	Reason string
}

// Error returns the text that Redis sends behind "-ERR ".
func (e *ProtocolError) Error() string { return "Protocol error: " + e.Reason }

// Only errCommandLength is not Redis's.
var (
	errInlineLength  = &ProtocolError{"too big inline request"}
	errQuotes        = &ProtocolError{"unbalanced quotes in request"}
	errCountLine     = &ProtocolError{"too big mbulk count string"}
	errCount         = &ProtocolError{"invalid multibulk length"}
	errBulkLine      = &ProtocolError{"too big bulk count string"}
	errBulkLength    = &ProtocolError{"invalid bulk length"}
	errStrictCount   = &ProtocolError{"unauthenticated multibulk length"}
	errStrictBulk    = &ProtocolError{"unauthenticated bulk length"}
	errCommandLength = &ProtocolError{fmt.Sprintf("too big command, the limit is %d bytes", MaxCommand)}
)

// expected says that a line of a multibulk began with another type byte.
func expected(want, got byte) *ProtocolError {
	return &ProtocolError{Reason: "expected '" + string([]byte{want}) + "', got '" + string([]byte{got}) + "'"}
}

// ParseInt reads all of s as Redis reads numbers in commands (string2ll): no plus sign, no leading zero, no -0.
func ParseInt(s []byte) (n int64, ok bool) {
	if len(s) == 1 && s[0] == '0' {
		return 0, true
	}
	negative := len(s) > 0 && s[0] == '-'
	if negative {
		s = s[1:]
	}
	if len(s) == 0 || len(s) > len("9223372036854775807") || s[0] == '0' {
		return 0, false
	}
	var v uint64 // 19 digits fit
	for _, c := range s {
		if c < '0' || c > '9' {
			return 0, false
		}
		v = 10*v + uint64(c-'0')
	}
	switch {
	case negative && v <= -math.MinInt64:
		return -int64(v), true // the smallest number is its own negative
	case !negative && v <= math.MaxInt64:
		return int64(v), true
	}
	return 0, false
}
