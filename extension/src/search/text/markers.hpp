// Lexemes of documents that stand for no word. Both begin with a control character, which no word does.
#pragma once

namespace itemize {

/// `\x1e<configuration>`: how the document's words were read. A query that leaves out a stop word of one language asks
/// for documents of that language only.
inline constexpr char kLanguageMark = '\x1e';

/// `\x1f<ordinal>\x1f<lexeme>`: a word of the column with that number, where columns share a weight.
inline constexpr char kFieldMark = '\x1f';

} // namespace itemize
