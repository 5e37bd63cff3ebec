package auth

import "github.com/telematicsctl/telematicsctl/internal/failure"

// The reasons of this package's errors. The subject is "admin" or a user's DeviceToken, unless it
// says otherwise.
const (
	ReasonSignedOut       failure.Reason = "signed-out"             // it can be signed in by a person alone
	ReasonUntried         failure.Reason = "admin-password-untried" // the password in the environment was not used yet
	ReasonEnvToken        failure.Reason = "env-token"              // the JWT from the environment is of no use here
	ReasonForbiddenUser   failure.Reason = "forbidden-user"         // a user may not do this by itself
	ReasonForbiddenAdmin  failure.Reason = "forbidden-admin"        // this admin may not do this, or not to this user
	ReasonNewTokenRefused failure.Reason = "new-token-refused"      // the service refuses a JWT that it has just issued
	// of the admin with the email address that is the subject
	ReasonPassword      failure.Reason = "password-refused"
	ReasonEnvPassword   failure.Reason = "env-password-refused"   // likewise, and the password is from the environment
	ReasonSavedPassword failure.Reason = "saved-password-refused" // likewise, and the password was stored
	ReasonUserSignIn    failure.Reason = "user-sign-in-refused"   // wrong InstanceKey, or the instance has no such user
	// RefreshToken and sign-in were refused by an earlier renewal
	ReasonRefusedBefore failure.Reason = "user-refused-before"
	ReasonAnswerLost    failure.Reason = "renewal-unknown" // the pair may be spent, and no new one was received
	ReasonSignInLimit   failure.Reason = "sign-in-limit"   // the tool's own guard; the subject is the host
	// the service's block of this address; the subject is the host
	ReasonBlocked failure.Reason = "sign-in-blocked"
	// its file and the copy are damaged, and may have held a block; the subject is the host
	ReasonGuardDamaged failure.Reason = "sign-in-guard-damaged"
	// its file was written by a newer version; the subject is its path
	ReasonGuardNewer  failure.Reason = "sign-in-guard-newer"
	ReasonManySignIns failure.Reason = "too-many-sign-ins" // more users would have to be signed in than is sensible
)
