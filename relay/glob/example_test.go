// This file shows the package in use.

package glob_test

import (
	"fmt"

	"redis-relay/relay/glob"
)

func ExampleMatch() {
	pattern := []byte("chat:[0-9]*")
	fmt.Println(glob.Match(pattern, []byte("chat:42")), glob.Match(pattern, []byte("chat:x")))
	// Output: true false
}

func ExampleLiteral() {
	fmt.Printf("%s\n", glob.Literal([]byte("chat:*:typing")))
	// Output: chat:
}
