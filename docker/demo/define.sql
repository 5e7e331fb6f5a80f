SELECT itemize.define('listing', 'public.listing', key => 'id', read => 'everyone',
  fields => '{id,name,description,country,lang,kind,price,currency,location}',
  text => '{"name": "A", "description": "B"}', language => 'lang', location => 'location',
  price => 'price', currency => 'currency', facets => '{kind,country,currency}', build => true);
