package userservice

import (
	"net/http"

	"github.com/telematicsctl/telematicsctl/internal/failure"
)

// The reasons of this room; what each is about (failure.Error.Subject) is given in parentheses.
const (
	ReasonTimeout          failure.Reason = "timeout"               // no answer in time (the time given)
	ReasonNoConnection     failure.Reason = "no-connection"         // no connection, or it broke (the host)
	ReasonCertificate      failure.Reason = "certificate"           // of no authority trusted here (the host)
	ReasonCertificateName  failure.Reason = "certificate-name"      // issued for another host (the host)
	ReasonCertificateTime  failure.Reason = "certificate-time"      // expired or not yet valid, by our clock (the host)
	ReasonTLS              failure.Reason = "tls"                   // refuses TLS, or speaks plain HTTP (the host)
	ReasonProxy            failure.Reason = "proxy"                 // it cannot be reached or refuses (the proxy)
	ReasonInvalidHeader    failure.Reason = "invalid-header"        // a value that cannot be sent (the header)
	ReasonGateway          failure.Reason = "gateway"               // a refusal not the service's own (the host)
	ReasonRedirect         failure.Reason = "redirect"              // a redirect instead of an answer (the host)
	ReasonRateLimited      failure.Reason = "rate-limited"          // 429 with a Retry-After (how long)
	ReasonInstanceKey      failure.Reason = "instance-key"          // InstanceId and key refused (the InstanceId)
	ReasonNoSuchUser       failure.Reason = "no-such-user"          // (the DeviceToken)
	ReasonNoApplication    failure.Reason = "application-not-found" // its ID
	ReasonNothingReported  failure.Reason = "nothing-reported"      // of a phone or its trips (the DeviceToken)
	ReasonTokenTaken       failure.Reason = "device-token-taken"    // (the DeviceToken)
	ReasonNoSuchCall       failure.Reason = "no-such-call"          // (the path)
	ReasonWrongSubject     failure.Reason = "wrong-subject"         // about somebody else (the DeviceToken asked about)
	ReasonMalformedToken   failure.Reason = "malformed-token"       // tokens that cannot be sent or printed
	ReasonPlainHTTP        failure.Reason = "plain-http"            // it would send secrets in the clear (the URL)
	ReasonRegisterMultiple failure.Reason = "register-multiple"     // register_multiple_path is not a path (the value)
	ReasonCAFile           failure.Reason = "ca-file"               // ca_file cannot be used (its path)
	ReasonForeignHost      failure.Reason = "not-a-configured-url"  // a URL of no configured host (its host)
)

// NoSuchCall reports whether register many users was answered as a call that the service does not
// have: 404 or 405, in the envelope or without any body, as ASP.NET answers for an unknown path.
// After a batch that succeeded the same answer is a gateway's: that is for the caller to know.
func NoSuchCall(err error) bool { return failure.HasReason(err, ReasonNoSuchCall) }

// codeOf is the code of a failing status, of HTTP or of the envelope. own reports that it is the
// service's word: without that, a refusal is a gateway's, and proves nothing about the request.
func codeOf(status int, own bool) failure.Code {
	switch {
	case status < 400:
		return failure.Failed
	case status == http.StatusUnauthorized && own:
		return failure.Unauthorized
	case status == http.StatusTooManyRequests:
		return failure.RateLimited
	case status == http.StatusRequestTimeout, status >= 500, !own && gatewayStatus(status):
		return failure.Unavailable
	case status == http.StatusForbidden:
		return failure.Unauthorized
	case status == http.StatusNotFound:
		return failure.NotFound
	default:
		return failure.Rejected
	}
}

// gatewayStatus reports whether a status is one that gateways and CDNs give on their own account,
// and from which something would be inferred if the service had given it.
func gatewayStatus(status int) bool {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed,
		http.StatusProxyAuthRequired, http.StatusConflict, http.StatusGone, http.StatusUnprocessableEntity:
		return true
	}
	return false
}
