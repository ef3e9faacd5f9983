package harness

import (
	"os"
	"strconv"
)

// NumberOf returns the number in an environment variable, which repeats a failure or has a test try for longer. It
// returns another one if the variable has none.
func NumberOf(variable string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv(variable)); err == nil {
		return n
	}
	return otherwise
}
