package failure

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// Text returns what an error says, as a person may read it: what an error of the standard library
// says of a system call, a type of Go or a URL is put into other words, wherever in the chain the
// error is.
func Text(err error) string {
	if err == nil {
		return ""
	}
	text := err.Error()
	if inner, words := worded(err); inner != nil {
		return strings.Replace(text, inner.Error(), words, 1)
	}
	return text
}

// worded finds the outermost error of the standard library in a chain, and returns its words; nil
// for none.
func worded(err error) (inner error, words string) { //nolint:revive,staticcheck // what is worded, not a failure
	var (
		link     *url.Error
		path     *fs.PathError
		linked   *os.LinkError
		call     *os.SyscallError
		dns      *net.DNSError
		op       *net.OpError
		number   *strconv.NumError
		syntax   *json.SyntaxError
		mismatch *json.UnmarshalTypeError
		program  *exec.Error
	)
	switch {
	case errors.As(err, &link): // the URL may hold what must not be shown
		return link, Text(link.Err)
	case errors.As(err, &path):
		return path, path.Path + ": " + ofSystem(path.Err)
	case errors.As(err, &linked):
		return linked, linked.New + ": " + ofSystem(linked.Err)
	case errors.As(err, &dns):
		return outermost(err, dns), ofName(dns)
	case errors.As(err, &op):
		return op, ofConnection(op)
	case errors.As(err, &call):
		return call, ofSystem(call.Err)
	case errors.As(err, &number):
		return number, strconv.Quote(number.Num) + " is not a number"
	case errors.As(err, &mismatch):
		return mismatch, ofMember(mismatch)
	case errors.As(err, &syntax):
		return syntax, fmt.Sprintf("not JSON, from byte %d on", syntax.Offset)
	case errors.As(err, &program):
		return program, "program " + program.Name + " not found"
	case errors.Is(err, io.ErrUnexpectedEOF):
		return io.ErrUnexpectedEOF, "it ends too early"
	}
	return nil, ""
}

// outermost returns the net.OpError around a DNSError, if there is one.
func outermost(err error, dns *net.DNSError) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op
	}
	return dns
}

func ofSystem(err error) string {
	var number syscall.Errno
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "no such file or folder"
	case errors.Is(err, fs.ErrPermission):
		return "permission denied"
	case errors.Is(err, syscall.EISDIR):
		return "is a folder"
	case errors.Is(err, syscall.ENOSPC):
		return "no space left on the device"
	case errors.As(err, &number):
		return number.Error()
	}
	return err.Error()
}

func ofName(e *net.DNSError) string {
	switch {
	case e.IsNotFound:
		return "host " + strconv.Quote(e.Name) + " not found"
	case e.IsTimeout:
		return "the name " + strconv.Quote(e.Name) + " could not be resolved in time"
	}
	return "the name " + strconv.Quote(e.Name) + " cannot be resolved"
}

func ofConnection(e *net.OpError) string {
	at := ""
	if e.Addr != nil && (e.Op == "dial" || e.Op == "listen") {
		at = " (" + e.Addr.String() + ")"
	}
	switch {
	case errors.Is(e.Err, syscall.ECONNREFUSED):
		return "the connection was refused" + at
	case errors.Is(e.Err, syscall.ECONNRESET), errors.Is(e.Err, syscall.EPIPE):
		return "the connection was reset by the other end"
	case errors.Is(e.Err, syscall.EADDRINUSE):
		return "the address is in use" + at
	case errors.Is(e.Err, syscall.EADDRNOTAVAIL):
		return "this machine has no such address" + at
	case errors.Is(e.Err, syscall.EACCES):
		return "permission denied" + at
	case e.Timeout():
		return "no connection in time" + at
	}
	return Text(e.Err) + at
}

// ofMember says which member of a JSON text is of the wrong kind.
func ofMember(e *json.UnmarshalTypeError) string {
	what := e.Field
	if what == "" {
		what = "it"
	}
	kind := e.Value
	if first, _, _ := strings.Cut(kind, " "); first != "" {
		kind = first
	}
	article := "a "
	if strings.HasPrefix(kind, "a") || strings.HasPrefix(kind, "o") {
		article = "an "
	}
	return what + " is " + article + kind + ", which is not expected"
}
