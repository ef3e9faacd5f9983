// This file shows the package in use.

package resp_test

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"redis-relay/relay/resp"
)

// A session reads into Space, takes the commands that are whole, and gives the buffer back before it waits again.
func ExampleCommands() {
	conn := strings.NewReader("*2\r\n$4\r\nECHO\r\n$5\r\nhello\r\nping \"a b\"\r\n*1\r\noops\r\n")
	var commands resp.Commands
	for {
		n, err := conn.Read(commands.Space())
		commands.Wrote(n)
		for {
			cmd, ok, err := commands.Next()
			if err != nil {
				fmt.Printf("%s", resp.AppendError(nil, "ERR "+err.Error()))
				return
			}
			if !ok {
				break
			}
			fmt.Printf("%q\n", cmd.Args)
		}
		if err == io.EOF {
			return
		}
		commands.Release()
	}
	// Output:
	// ["ECHO" "hello"]
	// ["ping" "a b"]
	// -ERR Protocol error: expected '$', got 'o'
}

func ExampleAppendMap() {
	for _, proto := range []resp.Proto{resp.RESP2, resp.RESP3} {
		b := resp.AppendMap(nil, proto, 1)
		b = resp.AppendBulkString(b, "proto")
		b = resp.AppendInt(b, int64(proto))
		fmt.Printf("%q\n", b)
	}
	// Output:
	// "*2\r\n$5\r\nproto\r\n:2\r\n"
	// "%1\r\n$5\r\nproto\r\n:3\r\n"
}

func ExampleReadValue() {
	push := resp.AppendMessage(nil, resp.RESP3, "message", []byte("chat:42"), []byte("hello there"))
	v, err := resp.ReadValue(bufio.NewReader(strings.NewReader(string(push))))
	fmt.Println(v, err)
	// Output: >[message chat:42 "hello there"] <nil>
}
