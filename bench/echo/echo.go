// SPDX-License-Identifier: BSL-1.0
package main

import (
	"fmt"
	"net"
	"runtime"
)

func echo(c net.Conn) {
	defer c.Close()
	bytes := make([]byte, 4096)
	for {
		n, err := c.Read(bytes)
		if err != nil {
			return
		}
		if _, err = c.Write(bytes[:n]); err != nil {
			return
		}
	}
}

func main() {
	runtime.GOMAXPROCS(1)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(l.Addr().(*net.TCPAddr).Port)
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go echo(c)
	}
}
