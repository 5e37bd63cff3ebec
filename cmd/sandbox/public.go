package sandbox

import (
	"net"
	"net/url"

	"github.com/telematicsctl/telematicsctl/internal/atomicfile"
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/sandbox"
)

// public sets what a sandbox needs that clients on other machines or in browsers use.
func public(opts *sandbox.Options, o serveOptions) error {
	opts.Origins, opts.Advertise = o.cors, o.advertise
	var name string
	if o.advertise != "" {
		u, err := url.Parse(o.advertise)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return failure.Newf(failure.Invalid, "--advertise %q: must be an absolute http or https URL", o.advertise)
		}
		name = u.Hostname()
	}
	if o.tlsCert == "" {
		return nil
	}
	if !o.memory {
		return failure.New(failure.Invalid, "--tls-self-signed needs --memory: other commands use the folder over plain HTTP")
	}
	host, _, _ := net.SplitHostPort(o.addr)
	config, certificate, err := sandbox.SelfSigned(opts.Now(), host, name)
	if err == nil {
		err = atomicfile.WriteFile(o.tlsCert, certificate, 0o644) // a certificate is public
	}
	if err != nil {
		return failure.Wrap(failure.Failed, "--tls-self-signed", err)
	}
	opts.TLS = config
	return nil
}
