package cmdutil

import (
	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// serviceHints are for calls of the service that failed.
var serviceHints = map[failure.Reason]hint{
	userservice.ReasonNoApplication: withCommand("", " shows the instances with their applications", "instance", "list"),
	userservice.ReasonTimeout:       fixed("try again, or wait longer with `--timeout`"),
	userservice.ReasonNoConnection: func(_ *App, e *failure.Error) string {
		return "check the network, the proxy and the base URL" + of(e.Subject)
	},
	userservice.ReasonCertificate: func(_ *App, e *failure.Error) string {
		return "if " + hostOr(e.Subject, "the host") + " or a proxy in between uses your company's own certificates, " +
			"name them in `ca_file` of the profile, or in SSL_CERT_FILE"
	},
	userservice.ReasonCertificateName: func(_ *App, e *failure.Error) string {
		return "check the base URL: its host must be one that the certificate is for" + of(e.Subject)
	},
	userservice.ReasonCertificateTime: fixed("check the clock of this machine; " +
		"if it is right, the service's certificate must be renewed"),
	userservice.ReasonTLS: func(_ *App, e *failure.Error) string {
		return "check the scheme and the port of the base URL" + of(e.Subject)
	},
	userservice.ReasonProxy: func(_ *App, e *failure.Error) string {
		return "check the proxy" + of(e.Subject) + ": HTTPS_PROXY (with its user and password, if it wants them), " +
			"and NO_PROXY for hosts that need none"
	},
	userservice.ReasonInvalidHeader: func(_ *App, e *failure.Error) string {
		return "check the value that is sent as " + e.Subject + " for line ends and control characters"
	},
	userservice.ReasonGateway: func(_ *App, e *failure.Error) string {
		return "try again; if it stays so, check the base URL, and the gateway or proxy in front" + of(e.Subject)
	},
	userservice.ReasonRedirect: func(_ *App, e *failure.Error) string {
		return "check the base URL" + of(e.Subject)
	},
	userservice.ReasonRateLimited: func(_ *App, e *failure.Error) string {
		return "try again in " + e.Subject
	},
	userservice.ReasonInstanceKey: func(a *App, _ *failure.Error) string {
		hint := "check the InstanceId and the InstanceKey: they must be of one instance, and of this service"
		if key := a.instanceKeyHint(); key != "" {
			hint += "; " + key
		}
		return hint
	},
	userservice.ReasonNoSuchUser: func(_ *App, e *failure.Error) string {
		return "check the DeviceToken " + e.Subject + ", and that the user is of this instance"
	},
	userservice.ReasonWrongSubject: fixed("nothing of that answer was used; " +
		"check what stands between here and the service: a cache or proxy mixes up answers"),
	userservice.ReasonMalformedToken: fixed("check the base URL, and what stands between here and the service"),
	userservice.ReasonPlainHTTP: fixed("use https; " +
		"plain http is accepted only to localhost and loopback IP addresses"),
	userservice.ReasonRegisterMultiple: fixed("set `register_multiple_path` of the profile to a path such as " +
		userservice.DefaultRegisterMultiplePath),
	userservice.ReasonCAFile: func(_ *App, e *failure.Error) string {
		return "name a readable file with certificates in PEM form in `ca_file` of the profile, not " + e.Subject
	},
	userservice.ReasonForeignHost: fixed("give a path and `--host`, or a URL of a host of the profile"),
}

// of names the subject of a hint in parentheses, if there is one.
func of(subject string) string {
	if subject == "" {
		return ""
	}
	return " (" + subject + ")"
}

func hostOr(subject, otherwise string) string {
	if subject == "" {
		return otherwise
	}
	return subject
}

// instanceKeyHint says how the InstanceKey of the profile in force is corrected; "" where
// that cannot be known.
func (a *App) instanceKeyHint() string {
	if _, err := a.Config(); err != nil {
		return ""
	}
	p, ok := a.profile()
	if !ok {
		return ""
	}
	return a.keyHint(p)
}
