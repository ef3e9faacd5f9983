package format

// This file recognises internationalised names of hosts: IDNA2008, RFC 5890 to 5893.

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"
)

// acePrefix begins a label that stands for one in other letters.
const acePrefix = "xn--"

// isIDNHostname takes labels in other letters, and the dots that people write with them.
func isIDNHostname(t []byte) bool {
	if isASCII(t) {
		return isDomain(t) && (!bytes.Contains(t, []byte("--")) || isIDN(string(t)))
	}
	return isIDN(string(t))
}

// isNormalIDN is isIDN for a name that mail software will normalise, by RFC 5895.
func isNormalIDN(name string) bool {
	return len(name) <= utf8.UTFMax*maxHostname && isIDN(norm.NFC.String(strings.ToLower(name)))
}

// hasValidACE reports whether each label that begins with acePrefix stands for one in other letters.
func hasValidACE(t []byte) bool {
	for label := range bytes.SplitSeq(t, []byte(".")) {
		encoded := len(label) >= len(acePrefix) && bytes.EqualFold(label[:len(acePrefix)], []byte(acePrefix))
		if encoded && !isIDN(string(label)) {
			return false
		}
	}
	return true
}

var otherDots = strings.NewReplacer("\u3002", ".", "\uff0e", ".", "\uff61", ".")

// isIDN checks a name in two steps. The first is package idna, which does all but what only IDNA2008 asks: which
// letters are for names, and which ones only beside others.
func isIDN(name string) bool {
	if len(name) > utf8.UTFMax*maxHostname {
		return false
	}
	labels := strings.Split(otherDots.Replace(name), ".")
	for i, label := range labels {
		if isASCII([]byte(label)) {
			labels[i] = strings.ToLower(label)
		}
	}
	if labels[len(labels)-1] == "" {
		return false
	}
	ascii, err := idna.Registration.ToASCII(strings.Join(labels, "."))
	if err != nil {
		return false
	}
	full, err := idna.Registration.ToUnicode(ascii)
	if err != nil {
		return false
	}
	if again, err := idna.Registration.ToASCII(full); err != nil || again != ascii {
		return false // an A-label that its U-label does not lead back to
	}
	for label := range strings.SplitSeq(full, ".") {
		if !isULabel([]rune(label)) {
			return false
		}
	}
	return true
}

// isULabel applies RFC 5892 to the letters of a label: which are for names, and the rules of context of its
// appendix A.3 to A.9. Those of the joiners are checked by package idna.
func isULabel(label []rune) bool {
	at := func(i int) rune {
		if i < 0 || i >= len(label) {
			return -1
		}
		return label[i]
	}
	var digits [2]bool // Arabic-Indic ones, and extended ones
	for i, r := range label {
		ok := true
		switch {
		case r == '\u00b7':
			ok = at(i-1) == 'l' && at(i+1) == 'l'
		case r == '\u0375':
			ok = unicode.Is(unicode.Greek, at(i+1))
		case r == '\u05f3' || r == '\u05f4':
			ok = unicode.Is(unicode.Hebrew, at(i-1))
		case r == '\u30fb':
			ok = hasJapanese(label)
		case '\u0660' <= r && r <= '\u0669':
			digits[0] = true
		case '\u06f0' <= r && r <= '\u06f9':
			digits[1] = true
		case r == '\u200c' || r == '\u200d':
		default:
			ok = isPermitted(r)
		}
		if !ok {
			return false
		}
	}
	return !digits[0] || !digits[1]
}

func hasJapanese(label []rune) bool {
	for _, r := range label {
		if unicode.In(r, unicode.Hiragana, unicode.Katakana, unicode.Han) {
			return true
		}
	}
	return false
}

// Letters that RFC 5892 names one by one, against its own rules.
var (
	permitted = map[rune]bool{
		'\u00df': true, '\u03c2': true, '\u06fd': true, '\u06fe': true, '\u0f0b': true, '\u3007': true,
	}
	forbidden = map[rune]bool{
		'\u0640': true, '\u07fa': true, '\u302e': true, '\u302f': true, '\u3031': true, '\u3032': true, '\u3033': true,
		'\u3034': true, '\u3035': true, '\u303b': true,
	}
)

// isPermitted reports whether RFC 5892 has a letter of a name that package idna has accepted: that one's table also
// has symbols. What is not stable under normalisation and in other cases is in neither.
func isPermitted(r rune) bool {
	switch {
	case permitted[r]:
		return true
	case forbidden[r] || isIgnorable(r) || isOldHangul(r):
		return false
	}
	return r == '-' || unicode.In(r, unicode.Ll, unicode.Lu, unicode.Lo, unicode.Nd, unicode.Lm, unicode.Mn, unicode.Mc)
}

// isIgnorable is IgnorableProperties and IgnorableBlocks of RFC 5892.
func isIgnorable(r rune) bool {
	return unicode.In(r, unicode.White_Space, unicode.Noncharacter_Code_Point, unicode.Other_Default_Ignorable_Code_Point,
		unicode.Variation_Selector) ||
		'\u20d0' <= r && r <= '\u20ff' || '\U0001d100' <= r && r <= '\U0001d24f'
}

// isOldHangul is OldHangulJamo of RFC 5892.
func isOldHangul(r rune) bool {
	return '\u1100' <= r && r <= '\u11ff' || '\ua960' <= r && r <= '\ua97c' || '\ud7b0' <= r && r <= '\ud7fb'
}
