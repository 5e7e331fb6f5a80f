# Signed tokens, as an issuer would make them.
package Itemize::Tokens;

use strict;
use warnings;

use Digest::SHA qw(hmac_sha256);
use Exporter qw(import);
use JSON::PP ();
use MIME::Base64 qw(encode_base64url);
use PostgreSQL::Test::Utils ();

our @EXPORT = qw(sign_token bearer secret_file);

# sign_token(SECRET, CLAIMS, [HEADER]): signed with HS256 whatever the header says. CLAIMS is a hash, or the text of the
# claims; exp is in an hour unless it is there (undef leaves it out).
sub sign_token
{
	my ($secret, $claims, $header) = @_;
	my $payload = $claims;
	if (ref $claims)
	{
		my %claims = (exp => time + 3600, %$claims);
		delete $claims{$_} for grep { !defined $claims{$_} } keys %claims;
		$payload = JSON::PP->new->canonical->encode(\%claims);
	}
	my $input = encode_base64url($header // '{"alg":"HS256","typ":"JWT"}') . '.' . encode_base64url($payload);
	return "$input." . encode_base64url(hmac_sha256($input, $secret));
}

# secret_file(SECRET): a file with it, as --jwt-secret-file takes one.
sub secret_file
{
	my ($secret) = @_;
	my $file = PostgreSQL::Test::Utils::tempdir() . '/secret';
	PostgreSQL::Test::Utils::append_to_file($file, "$secret\n");
	return $file;
}

sub bearer { return 'Authorization: Bearer ' . sign_token(@_) }

1;
