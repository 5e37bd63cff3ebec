package auth

import (
	"cmp"

	"github.com/google/uuid"

	"github.com/telematicsctl/telematicsctl/internal/failure"
	"github.com/telematicsctl/telematicsctl/internal/field"
	"github.com/telematicsctl/telematicsctl/internal/userservice"
)

// CheckPair returns an error for a pair that the service issued in answer to a call for the
// subject, and that must not be stored or used, as it is another subject's, by Result.DeviceToken
// or by the JWT's claims.
func CheckPair(subject string, pair userservice.Pair) error {
	claims, _ := ReadClaims(pair.Access)
	for _, whose := range []string{answeredFor(subject, pair.DeviceToken, claims), claimedBy(subject, claims)} {
		if whose != subject {
			return failure.Newf(failure.Failed,
				"tokens of %s: the service answered with those of %s: nothing was stored or used",
				named(subject), named(whose)).Because(userservice.ReasonWrongSubject, subject)
		}
	}
	return nil
}

// answeredFor returns whom Result.DeviceToken names; the subject itself if it names nobody.
func answeredFor(subject, deviceToken string, claims Claims) string {
	if token, err := field.ParseServiceUUID(deviceToken); deviceToken == "" || (err == nil && token == uuid.Nil) {
		return subject
	}
	if subject == Admin && claims.IsAdmin {
		return subject // an admin may have a DeviceToken too
	}
	return cmp.Or(knownUUID(deviceToken), someoneElse)
}

// someoneElse is whom a DeviceToken names that is not a UUID.
const someoneElse = "unknown"

// claimedBy returns whose the JWT says it is; the subject itself if it does not say.
func claimedBy(subject string, claims Claims) string {
	switch {
	case subject == Admin:
		return claims.Subject()
	case claims.DeviceToken != "":
		return claims.DeviceToken
	case claims.IsAdmin:
		return Admin
	}
	return subject
}

// badAnswer reports whether an answer with tokens was not used, as it is another subject's or
// broken.
func badAnswer(err error) bool {
	return failure.HasReason(err, userservice.ReasonWrongSubject) ||
		failure.HasReason(err, userservice.ReasonMalformedToken)
}
